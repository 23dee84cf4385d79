"""Summarizes the raters' answers as JSON and Markdown: rates with intervals, agreement, and attention."""

import dataclasses
import json
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.judging.answers import Answer, AnswerStore
from tfgan_suite.judging.statistics import bootstrap_interval, krippendorff_alpha
from tfgan_suite.judging.study import ANSWERS_NAME, REAL_OR_FAKE, WHICH_IS_REAL, Study

# Raters who get a smaller fraction of the attention checks right are excluded.
REQUIRED_CHECKS = 0.75


@dataclasses.dataclass(frozen=True)
class RaterSummary:
    """Summary of one rater.

    Attributes:
        name: String. Name as typed by the rater.
        answers: Integer. Number of trials answered.
        trials: Integer. Number of trials in total.
        checks_right: Float or `None`. Fraction of attention checks answered correctly. `None` before the first one.
        repeats_alike: Float or `None`. Fraction of repeated trials with the same answer. `None` before the first one.
        median_seconds: Float. Median time per answer.
        counts: Boolean. Whether the answers enter the results.
    """

    name: str
    answers: int
    trials: int
    checks_right: float | None
    repeats_alike: float | None
    median_seconds: float
    counts: bool


def make_report(study: Study) -> dict:
    """Summarizes the answers of a study.

    Args:
        study: A `Study`.

    Returns:
        Dict of JSON values: the study, the results, the raters' agreement, and a summary of each rater.

    Raises:
        UserError: If there are no answers.
    """
    path = study.directory / ANSWERS_NAME
    answers = []
    if path.is_file():
        store = AnswerStore(path)
        answers = store.all()
        store.close()
    if not answers:
        raise UserError(
            f"The study {str(study.directory)!r} has no answers yet. Collect some with: tfgan-suite judge "
            f"{study.directory}"
        )
    of_raters = defaultdict(list)
    for answer in answers:
        of_raters[answer.rater].append(answer)
    raters = [_summarize(study, name, own) for name, own in of_raters.items()]
    choices = [_first_choices(study, of_raters[rater.name]) for rater in raters if rater.counts]
    return {
        "study": study.content,
        "results": _results(study, choices) if choices else [],
        "agreement": _agreement(study, choices),
        "raters": [dataclasses.asdict(rater) for rater in raters],
        "required_checks": REQUIRED_CHECKS,
        "versions": library_versions(),
    }


def write_report(study: Study) -> tuple[Path, Path]:
    """Writes `report.json` and `report.md` to the study's directory.

    Args:
        study: A `Study`.

    Returns:
        Tuple of the two paths.

    Raises:
        UserError: If there are no answers.
    """
    report = make_report(study)
    paths = study.directory / "report.json", study.directory / "report.md"
    write_atomically(paths[0], json.dumps(report, indent=1) + "\n")
    write_atomically(paths[1], to_markdown(report))
    return paths


def _summarize(study: Study, name: str, answers: list[Answer]) -> RaterSummary:
    trials = study.trials(name)
    first, checks, repeats = {}, [], []
    for answer in answers:
        trial = trials[answer.trial]
        if trial.is_repeat:
            repeats.append(answer.choice == first[answer.item])
        elif trial.item.is_check:
            checks.append(answer.choice == trial.item.right)
        first.setdefault(answer.item, answer.choice)
    right = statistics.fmean(checks) if checks else None
    return RaterSummary(
        name=name,
        answers=len(answers),
        trials=len(trials),
        checks_right=right,
        repeats_alike=statistics.fmean(repeats) if repeats else None,
        median_seconds=statistics.median(answer.milliseconds for answer in answers) / 1000,
        counts=right is None or right >= REQUIRED_CHECKS,
    )


def _first_choices(study: Study, answers: list[Answer]) -> dict[int, str]:
    """Returns the first choice for each item, without checks and repeats."""
    choices = {}
    for answer in answers:
        if not study.items[answer.item].is_check:
            choices.setdefault(answer.item, answer.choice)
    return choices


def _results(study: Study, choices: list[dict[int, str]]) -> list[dict]:
    """Returns a row for each quantity: its name with the sources, the rate, and the interval."""
    items = [item for item in study.items if not item.is_check]
    groups = defaultdict(list)
    for item in items:
        if study.question == REAL_OR_FAKE:
            groups["errors, all images"].append(item)
            groups[f"real images judged fake, from {item.sources[0]}" if item.right == "real" else
                   f"fake images judged real, from {item.sources[0]}"].append(item)  # fmt: skip
        elif study.question == WHICH_IS_REAL:
            fake = next(source for source in item.sources if source != study.settings["real"])
            groups[f"judged to be the real one, from {fake}"].append(item)
        else:
            one, other = sorted(item.sources, key=study.settings["fakes"].index)
            groups[f"{one} preferred to {other}"].append(item)
    rows = []
    for name, of_group in groups.items():
        outcomes = np.array([[_outcome(study, item, own.get(item.number)) for item in of_group] for own in choices])
        count = int((~np.isnan(outcomes)).sum())
        if count:
            rate, low, high = bootstrap_interval(outcomes)
            rows.append({"name": name, "rate": rate, "low": low, "high": high, "answers": count})
    return rows


def _outcome(study: Study, item, choice: str | None) -> float:
    """Returns 1 for an error, or if the chosen source comes first in `fakes`; NaN without an answer."""
    if choice is None:
        return np.nan
    if item.right is not None:
        return float(choice != item.right)
    chosen = item.sources[item.pictures.index(choice)]
    return float(chosen == min(item.sources, key=study.settings["fakes"].index))


def _agreement(study: Study, choices: list[dict[int, str]]) -> dict:
    """Computes Krippendorff's alpha for "real" and "fake", or for first and second image in the item's random order."""
    items = [item for item in study.items if not item.is_check]
    categories = np.full([len(choices), len(items)], np.nan)
    for row, own in enumerate(choices):
        for column, item in enumerate(items):
            if item.number in own:
                order = ("real", "fake") if study.question == REAL_OR_FAKE else item.pictures
                categories[row, column] = order.index(own[item.number])
    shared = int(((~np.isnan(categories)).sum(axis=0) > 1).sum())
    return {
        "krippendorff_alpha": krippendorff_alpha(categories),
        "raters": len(choices),
        "items_with_two_answers_or_more": shared,
    }


def to_markdown(report: dict) -> str:
    """Formats a report as Markdown.

    Args:
        report: Dict, as returned by `make_report`.

    Returns:
        String.
    """
    settings, agreement = report["study"]["settings"], report["agreement"]
    duration = settings["display_milliseconds"]
    alpha = agreement["krippendorff_alpha"]
    lines = [
        f"# Judgments: {settings['question']}",
        "",
        f"{settings['num_items']} items, {settings['num_repeats']} of them shown twice, {settings['num_checks']} "
        f"attention checks; display time {'unlimited' if duration is None else f'{duration:g} ms'}; seed "
        f"{settings['seed']}.",
        "",
        *_result_lines(report["results"]),
        "",
        _chance(settings["question"]),
        "Intervals: bootstrap over raters and items.",
        "",
        f"Agreement of {agreement['raters']} raters on {agreement['items_with_two_answers_or_more']} items: "
        + ("not defined" if alpha is None else f"Krippendorff's alpha {alpha:.3f}")
        + " (1: perfect agreement, 0: chance level).",
        "",
        "| rater | answers | checks right | same answer to repeats | median time | included |",
        "|---|---|---|---|---|---|",
    ]
    for rater in report["raters"]:
        shares = [
            "none yet" if share is None else f"{share:.0%}" for share in (rater["checks_right"], rater["repeats_alike"])
        ]
        name = rater["name"].replace("\\", "\\\\").replace("|", "\\|")
        lines.append(
            f"| {name} | {rater['answers']} of {rater['trials']} | {shares[0]} | {shares[1]} | "
            f"{rater['median_seconds']:.1f} s | {'yes' if rater['counts'] else 'no'} |"
        )
    lines += ["", f"Raters with fewer than {report['required_checks']:.0%} of the checks right are excluded.", ""]
    lines += ["| images from | origin |", "|---|---|"]
    for name, origin in report["study"]["sources"].items():
        known = ", ".join(f"{key} {value}" for key, value in origin.items() if value is not None)
        lines.append(f"| {name} | {known} |")
    return "\n".join(lines) + "\n"


def _result_lines(results: list[dict]) -> list[str]:
    if not results:
        return ["No rater is included yet."]
    return [
        "| quantity | rate | 95% interval | answers |",
        "|---|---|---|---|",
        *(
            f"| {row['name']} | {row['rate']:.1%} | {row['low']:.1%} to {row['high']:.1%} | {row['answers']} |"
            for row in results
        ),
    ]


def _chance(question: str) -> str:
    if question == REAL_OR_FAKE:
        return "50% errors: raters cannot tell. Above 50%: the fake images look more real than the real ones."
    if question == WHICH_IS_REAL:
        return "50%: raters cannot tell. Above 50%: the fake images look more real than the real ones."
    return "50%: neither is preferred."
