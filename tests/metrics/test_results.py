import dataclasses
import json
import multiprocessing

import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Evaluation, EvaluationRow, compare

PROTOCOL = {"extractor": "tiny", "extractor_input_size": [8, 8], "num_fake": 1000, "truncation": 1.0, "split": "train"}
ROW = EvaluationRow("frechet_distance_1k", 12.5, None, None, None, "lower", PROTOCOL, {"seed": 0, "dataset": "digits"})
SCORE = EvaluationRow("inception_score_1k", 3.0, 0.25, "splits", None, "higher", PROTOCOL, {"seed": 0})


def test_rows_by_number_and_by_name():
    newer = dataclasses.replace(ROW, value=10.0)
    evaluation = Evaluation([ROW, SCORE, newer])
    assert evaluation[0] is ROW and evaluation["frechet_distance_1k"] is newer and evaluation.rows[-1] is newer
    assert evaluation[:2] == (ROW, SCORE) and isinstance(evaluation[:2], Evaluation)
    with pytest.raises(UserError, match="Did you mean 'inception_score_1k'"):
        evaluation["inception_score"]


def test_scalars_table_and_text_show_the_same_values():
    evaluation = Evaluation([ROW, SCORE])
    assert evaluation.scalars() == {
        "frechet_distance_1k": 12.5,
        "inception_score_1k": 3.0,
        "inception_score_1k_std": 0.25,
    }
    table = evaluation.to_markdown().splitlines()
    assert len(table) == 4 and len({line.count("|") for line in table}) == 1
    assert "12.5" in table[2] and "3 ± 0.25 (splits)" in table[3]
    assert "3 ± 0.25 (splits)" in str(evaluation)


def test_file_grows_and_comes_back_whole(tmp_path):
    Evaluation([ROW]).append_to(tmp_path / "run")
    path = Evaluation([SCORE]).append_to(tmp_path / "run")
    assert Evaluation.load(path) == Evaluation([ROW, SCORE]) == Evaluation.load(tmp_path / "run")
    assert json.loads(path.read_text())["format_version"] == 1
    assert [name for name in path.parent.iterdir() if name.suffix == ".tmp"] == []


def _append(directory):
    Evaluation([ROW]).append_to(directory)


def test_two_processes_lose_no_rows(tmp_path):
    # Not forks of this process, which would have TensorFlow's threads by half.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=_append, args=(tmp_path,)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(Evaluation.load(tmp_path)) == 8


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format_version": 9, "rows": []}', '{"format_version": 1, "rows": [{}]}']
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(UserError):
        Evaluation([ROW]).append_to(tmp_path)
    assert (tmp_path / "metrics.json").read_text() == content


def test_like_rows_compare():
    better = dataclasses.replace(ROW, value=10.0, run={"seed": 7})
    comparison = compare(ROW, better)
    assert (comparison.difference, comparison.better) == (-2.5, "second")
    assert compare(better, ROW).better == "first" and compare(ROW, ROW).better == "equal"
    assert compare(SCORE, dataclasses.replace(SCORE, value=4.0)).better == "second"
    assert compare(ROW, EvaluationRow.from_json(json.loads(json.dumps(ROW.to_json())))).better == "equal"


def test_unlike_rows_refuse_and_every_difference_is_listed():
    other = dataclasses.replace(ROW, protocol={**PROTOCOL, "extractor": "other", "truncation": 0.7})
    with pytest.raises(UserError, match=r"extractor: 'tiny' and 'other'; truncation: 1.0 and 0.7\.$"):
        compare(ROW, other)
    with pytest.raises(UserError, match="name: 'frechet_distance_1k' and 'inception_score_1k'"):
        compare(ROW, SCORE)
    with pytest.raises(UserError, match="num_fake: 1000 and None"):
        compare(ROW, dataclasses.replace(ROW, protocol={k: v for k, v in PROTOCOL.items() if k != "num_fake"}))
    with pytest.raises(UserError, match="extractor"):
        compare(ROW, other, allow=["truncation"])
    assert compare(ROW, other, allow=["truncation", "extractor"]).better == "equal"


def test_latest_keeps_the_newest_row_of_each_name():
    newer = dataclasses.replace(ROW, value=11.0)
    assert list(Evaluation([ROW, SCORE, newer]).latest()) == [newer, SCORE]
