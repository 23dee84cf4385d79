import json

import numpy as np
import pytest

from tests.commands.test_cli import run
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.judging.answers import Answer, AnswerStore
from tfgan_suite.judging.judgement_report import make_report, to_markdown
from tfgan_suite.judging.statistics import bootstrap_interval, krippendorff_alpha
from tfgan_suite.judging.study import ANSWERS_NAME


def judge(study, rater, choose, until=None):
    """Answers a rater's trials, each as `choose(trial)` says."""
    store = AnswerStore(study.directory / ANSWERS_NAME)
    for trial in study.trials(rater)[:until]:
        store.add(Answer(rater, trial.number, trial.item.number, choose(trial), 1000.0 + trial.number, None))
    store.close()


def rows_of(report):
    return {row["name"].split(",")[0]: row for row in report["results"]}


def rightly(trial):
    return trial.item.right


def other(item):
    return "fake" if item.right == "real" else "real"


def test_one_is_always_right_another_always_says_real(make):
    study = make()
    judge(study, "Ada", rightly)
    judge(study, "Bob", lambda trial: trial.item.right if trial.item.is_check else "real")
    report = make_report(study)
    rows = rows_of(report)
    assert rows["errors"]["rate"] == 0.25 and rows["errors"]["answers"] == 24
    assert rows["fake images judged real"]["rate"] == 0.5 and rows["real images judged fake"]["rate"] == 0.0
    outcomes = np.array([[0.0] * 12, [0.0, 1.0] * 6])
    assert [rows["errors"][key] for key in ("rate", "low", "high")] == pytest.approx(bootstrap_interval(outcomes))
    categories = np.array([[0.0, 1.0] * 6, [0.0] * 12])
    assert report["agreement"]["krippendorff_alpha"] == krippendorff_alpha(categories)
    assert [rater["repeats_alike"] for rater in report["raters"]] == [1.0, 1.0]
    assert report["raters"][0]["median_seconds"] == 1.008


def test_who_does_not_look_does_not_count(make):
    study = make()
    judge(study, "Ada", rightly)
    judge(study, "Bob", lambda trial: other(trial.item))
    report = make_report(study)
    assert [(rater["name"], rater["checks_right"], rater["counts"]) for rater in report["raters"]] == [
        ("Ada", 1.0, True),
        ("Bob", 0.0, False),
    ]
    assert rows_of(report)["errors"]["rate"] == 0.0 and report["agreement"]["krippendorff_alpha"] is None


def test_without_a_rater_who_counts(make):
    study = make()
    judge(study, "Bob", lambda trial: other(trial.item))
    report = make_report(study)
    assert report["results"] == [] and report["agreement"]["krippendorff_alpha"] is None
    assert "No rater is included yet." in to_markdown(report)


def test_only_first_answers_count_and_repeats_show_who_wavers(make):
    study = make()
    judge(study, "Ada", lambda trial: other(trial.item) if trial.is_repeat else trial.item.right)
    report = make_report(study)
    assert rows_of(report)["errors"]["rate"] == 0.0 and report["raters"][0]["repeats_alike"] == 0.0


def test_pairs_do_not_count_sides(make):
    study = make("which-is-real")
    judge(study, "Ada", rightly)
    judge(study, "Bob", rightly)
    report = make_report(study)
    (row,) = report["results"]
    assert (row["rate"], row["answers"]) == (0.0, 24) and row["name"].endswith("grey")
    assert report["agreement"]["krippendorff_alpha"] == 1.0  # Though they saw them on other sides.


def test_preference(make, folders):
    study = make("which-is-better")

    def grey(trial):
        return trial.item.right or trial.item.pictures[trial.item.sources.index(str(folders / "grey"))]

    judge(study, "Ada", grey)
    (row,) = make_report(study)["results"]
    assert row["rate"] == 1.0 and row["low"] == pytest.approx(0.025 ** (1 / 12))
    assert row["name"] == f"{folders / 'grey'} preferred to {folders / 'dark'}"


def test_unfinished_raters_count_as_far_as_they_are(make):
    study = make()
    judge(study, "Ada", rightly)
    judge(study, "Bob|b", rightly, until=4)
    report = make_report(study)
    assert report["raters"][1]["answers"] == 4 and report["agreement"]["raters"] == 2
    assert 2 <= report["agreement"]["items_with_two_answers_or_more"] <= 4
    assert "| Bob\\|b | 4 of 17 |" in to_markdown(report)


def test_no_answers(make):
    with pytest.raises(UserError, match="no answers yet"):
        make_report(make())


def test_command_makes_goes_on_and_reports(folders, tmp_path, capsys, monkeypatch):
    served = []
    monkeypatch.setattr(
        "tfgan_suite.judging.judge_server.judge", lambda study, port: served.append((study.directory.name, port))
    )
    directory = tmp_path / "study"
    making = ["judge", directory, "--real", folders / "bright", "--fake", folders / "grey", "--items", "12"]
    assert run(capsys, *making, "--repeats", "2", "--port", "0")[0] == 0
    assert run(capsys, "judge", directory)[0] == 0
    assert served == [("study", 0), ("study", 8600)]
    code, _, errors = run(capsys, "judge", directory, "--items", "13")
    assert code == 2 and "`num_items` must be 12" in errors[0] and "another directory" in errors[0]
    code, _, errors = run(capsys, "judge", directory, "--report")
    assert code == 2 and "no answers yet" in errors[0]
    from tfgan_suite.judging.study import Study

    judge(Study(directory), "Ada", rightly)
    code, output, _ = run(capsys, "judge", directory, "--report")
    assert code == 0 and "| errors, all images | 0.0% | 0.0% to 26.5% | 12 |" in output
    assert json.loads((directory / "report.json").read_text())["results"][0]["rate"] == 0.0
    assert (directory / "report.md").read_text() in output
    code, _, errors = run(capsys, "judge", tmp_path / "nothing", "--report")
    assert code == 2 and "must contain a study" in errors[0]
