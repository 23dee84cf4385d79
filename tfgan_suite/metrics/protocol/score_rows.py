"""From scores to rows of results: repeats, names with counts, provenance."""

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.metrics.numerics.feature_checks import check_score
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.metrics.protocol.scoring import Score


def make_row(
    name: str,
    scores: Sequence[Score],
    real: RealExamples,
    *,
    direction: str,
    std_over: str | None,
    protocol: Mapping,
    run: Mapping,
    is_finite: bool = True,
) -> EvaluationRow:
    """One row of all repeats: their mean, and standard deviation (n - 1) and minimum if there are several.

    Args:
        name: String. The name of the score, with its count of examples.
        scores: Sequence of `Score`, one a repeat.
        real: A `RealExamples`.
        direction: String. `"lower"` or `"higher"` is better.
        std_over: String, what the standard deviation of a single score is over, or `None`.
        protocol: Mapping. What the value depends on, besides the data.
        run: Mapping. What else is known, besides data, time and versions.
        is_finite: Boolean. Whether the score is finite by its definition.

    Returns:
        An `EvaluationRow`.

    Raises:
        UserError: A score is NaN, or infinite although it is finite by its definition: there is no row of it.
    """
    values = [score.value for score in scores]
    for score in scores:
        if is_finite or np.isnan(score.value):
            check_score(score.value, name)
        if score.std is not None:
            check_score(score.std, f"The deviation of {name}")
    repeated = len(values) > 1
    return EvaluationRow(
        name=name,
        value=float(np.mean(values)),
        std=float(np.std(values, ddof=1)) if repeated else scores[0].std,
        std_over="repeats" if repeated else std_over,
        minimum=min(values) if repeated else None,
        direction=direction,
        protocol={**protocol, "dataset_fingerprint": real.fingerprint, "split": real.split, "repeats": len(values)},
        run={
            "dataset": real.name,
            **({"dataset_set_aside": real.num_set_aside} if real.num_set_aside else {}),
            **run,
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": library_versions(),
        },
        classes=_mean_of_classes(scores, real.class_names),
    )


def _mean_of_classes(scores: Sequence[Score], class_names: Sequence[str] | None) -> dict[str, dict] | None:
    if scores[0].classes is None:
        return None
    return {
        class_names[label]: {**part, "value": float(np.mean([score.classes[label]["value"] for score in scores]))}
        for label, part in scores[0].classes.items()
    }


def count_text(count: int) -> str:
    """Returns a count as names of scores have it: 5000 is `5k`, 1234 is `1234`.

    Example:

    >>> count_text(5000), count_text(1234)
    ('5k', '1234')
    """
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def deliver(rows: Iterable[EvaluationRow], output_dir: str | os.PathLike | None) -> Evaluation:
    """Returns the rows as an `Evaluation`, added to `metrics.json` in `output_dir` if there is one."""
    evaluation = Evaluation(rows)
    if output_dir is not None:
        evaluation.append_to(output_dir)
    return evaluation
