"""The TFX pipeline from images to a pushed model. Scores alone are set by the tests, so that the gate's cases come about.

The tests share one directory and its metadata, and run in the order in which they stand.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_pipeline import write_blank_images, write_images
from tfgan_suite.data.loader import read_split
from tfgan_suite.exports.model_card import CARD_JSON
from tfgan_suite.exports.saved_model import load_generator
from tfgan_suite.metrics import BitsPerDimension
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.release import DataAnomalyError, PipelineConfig
from tfgan_suite.runs.run_files import load_model
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

pytest.importorskip(
    "tfx", reason="TFX is not installed here; `make test-tfx` runs these tests in an environment that has it."
)

from pipelines import lineage  # noqa: E402
from pipelines.metadata_reader import MetadataReader  # noqa: E402
from pipelines.tfx_pipeline import metadata_path  # noqa: E402
from tfgan_suite.foundation.errors import UserError  # noqa: E402

NODES = {
    *("PrepareImages", "ImportExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"),
    *("Trainer", "EvaluateGenerator", "InfraValidate", "Pusher"),
}
UP_TO_VALIDATOR = {"PrepareImages", "ImportExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"}


def nodes(states, state):
    return {node for node, found in states.items() if found == state}


def test_the_first_run_pushes(first_run, directory):
    states, pushed, lines = first_run
    assert nodes(states, "complete") == NODES
    assert pushed == str(directory / "saved_models" / "tiny" / "1")
    assert "frechet_distance_16 is 40, expected at most 50." in "\n".join(lines)
    card = json.loads(Path(pushed, CARD_JSON).read_text())
    assert (card["version"], card["license"], card["scores"][0]["value"]) == (1, "CC0", 40.0)
    assert not list((directory / "root" / "tfx" / "unfinished").iterdir())
    (run_dir,) = (directory / "root" / "tfx" / "artifacts" / "Trainer" / "model_run").iterdir()
    assert list((run_dir / "tensorboard").rglob("events*"))


def test_the_model_is_that_of_the_plain_pipeline(first_run, content, tmp_path):
    pushed = Path(first_run[1])
    data_dir = json.loads((pushed / "lineage.json").read_text())["data"]["directory"]
    train(TrainConfig(data_dir=data_dir, run_dir=str(tmp_path), **content["train"], score_every_ticks=-1), False)
    np.testing.assert_array_equal(load_generator(pushed).generate(4, seed=3), load_model(tmp_path).generate(4, seed=3))


def test_a_second_run_does_nothing(first_run, content, scores, run):
    states, pushed, lines = run(content)
    assert nodes(states, "cached") == NODES and scores.scored == []
    assert pushed == first_run[1] and lines.count("Trainer: nothing to do") == 1


def test_a_worse_model_is_not_pushed_a_better_one_is(content, scores, run, directory):
    content["train"]["seed"] = 1
    scores.values = [45.0]  # Good enough, but worse than the last one.
    states, pushed, lines = run(content)
    assert nodes(states, "cached") == UP_TO_VALIDATOR
    assert pushed is None and lines[-1] == "push: nothing is pushed"
    assert "not blessed. frechet_distance_16 is 45, compared to 40 for the last model pushed." in "\n".join(lines)
    assert [path.name for path in (directory / "saved_models" / "tiny").iterdir()] == ["1"]

    content["evaluate"]["seed"] = 1
    scores.values = [30.0]
    states, pushed, _ = run(content)
    assert nodes(states, "cached") == UP_TO_VALIDATOR | {"Trainer", "InfraValidate"}
    assert pushed.endswith("tiny/2")


def test_a_stopped_step_goes_on(content, scores, run, directory, monkeypatch):
    """Trainer is stopped after the training; the next run exports what it left, which then does not answer."""
    content["train"]["seed"] = 2
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.trainer.run_files.export_run", stop)
        with pytest.raises(KeyboardInterrupt):
            run(content)
    (left,) = (directory / "root/tfx/unfinished").glob("*/run/history.jsonl")
    history = left.read_text()
    scores.values = [1.0]

    def score_and_break(*arguments, **options):
        newest = max((directory / "root/tfx/artifacts/Trainer/model").iterdir(), key=lambda path: int(path.name))
        (newest / "Format-Serving" / "variables" / "variables.index").write_bytes(b"broken")
        return scores(*arguments, **options)

    monkeypatch.setattr("pipelines.evaluate_generator.evaluate", score_and_break)
    _, pushed, lines = run(content)
    newest = max((directory / "root/tfx/artifacts/Trainer/model_run").iterdir(), key=lambda path: int(path.name))
    assert (newest / "history.jsonl").read_text() == history and not left.exists()
    assert pushed is None and "does not work in a separate process" in "\n".join(lines)
    assert not (directory / "saved_models" / "tiny" / "3").exists()


def stop(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "classes, blank, data, expected",
    [
        ("ab", 0, {"image_size": 16}, ["Wrong shape: images are (16, 16, 1)", "'image/height': Unexpectedly"]),
        (
            "ab",
            0,
            {"labels": False},
            ["Missing labels: no classes, expected 2", "'label': Column is completely missing"],
        ),
        ("abc", 0, {}, ["New class: 'c'", "'label': Unexpectedly"]),
        ("ab", 3, {}, ["Suspicious images: 3 of 27 (3 blank)"]),
    ],
    ids=["shape", "labels", "class", "blank"],
)
def test_an_anomaly_stops_it(content, scores, run, directory, tmp_path, classes, blank, data, expected):
    write_images(tmp_path / "photos", classes=classes)
    write_blank_images(tmp_path / "photos" / "a", blank)
    content["data"] = {**content["data"], "source": str(tmp_path / "photos"), **data}
    runs_before = list((directory / "root/tfx/artifacts/Trainer/model_run").iterdir())
    with pytest.raises(DataAnomalyError) as error:
        run(content)
    for part in expected:
        assert part in str(error.value)
    steps = MetadataReader(metadata_path(PipelineConfig.from_dict(content))).last_run()
    assert (steps[-1].node, steps[-1].state) == ("ExampleValidator", "failed")
    assert list((directory / "root/tfx/artifacts/Trainer/model_run").iterdir()) == runs_before and scores.scored == []


def test_a_person_may_change_the_schema(content, scores, run):
    path = Path(content["root"], "schema.json")
    inferred = path.read_text()
    path.write_text(inferred.replace('"max_suspicious_fraction": 0.001', '"max_suspicious_fraction": 0.002'))
    states, _, _ = run(content)
    assert nodes(states, "complete") == {"SchemaGen", "ExampleValidator"}
    path.write_text(inferred)
    assert nodes(run(content)[0], "cached") == NODES


def test_lineage(first_run, run, content, capsys):
    assert lineage.main([first_run[1]]) == 0
    output = capsys.readouterr().out
    steps = [line.split()[0] for line in output.splitlines() if not line.startswith(" ")]
    assert steps[0] == "Pusher" and set(steps) == NODES - {"StatisticsGen", "SchemaGen", "ExampleValidator"}
    assert "frechet_distance_16 is 40" in output and "no anomalies found by ExampleValidator" in output
    fingerprint = json.loads(Path(first_run[1], "lineage.json").read_text())["data"]["fingerprint"]
    assert f"fingerprint: {fingerprint}" in output and "num_images: 24" in output
    assert lineage.main([content["root"]]) == 2
    assert "names no metadata store" in capsys.readouterr().err
    with pytest.raises(UserError, match="was not pushed by this pipeline"):
        lineage.print_lineage(content["root"], metadata_path(PipelineConfig.from_dict(content)))


def test_a_reader_of_the_lineage_who_has_enough(first_run):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "pipelines.lineage", str(first_run[1])]
    result = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_model_with_a_likelihood_is_gated_on_its_bits_per_dimension(content, run, directory, monkeypatch):
    """By the scores that `evaluate` measures on the export, which are those of the run's model."""
    bits_alone = functools.partial(evaluate, metrics=[BitsPerDimension()])  # No extractor is needed.
    monkeypatch.setattr("pipelines.evaluate_generator.evaluate", bits_alone)
    content["name"] = "tiny_vae"
    content["train"].update(preset="vae", model={"base_channels": 4, "latent_size": 2, "dense_units": 4})
    content["gate"] = {"thresholds": {"bits_per_dimension_train_24": 1.0}}
    _, pushed, lines = run(content)
    assert pushed is None and "bits_per_dimension_train_24 is" in "\n".join(lines)
    assert "expected at most 1." in "\n".join(lines) and not (directory / "saved_models" / "tiny_vae").exists()
    content["gate"] = {"thresholds": {"bits_per_dimension_train_24": 10.0}}
    states, pushed, _ = run(content)
    assert {"Trainer", "InfraValidate"} <= nodes(states, "cached") and pushed.endswith("tiny_vae/1")
    (row,) = json.loads(Path(pushed, CARD_JSON).read_text())["scores"]
    assert row["name"] == "bits_per_dimension_train_24" and row["protocol"]["likelihood"] == "lower_bound"
    trained = max((directory / "root/tfx/artifacts/Trainer/model_run").iterdir(), key=lambda path: int(path.name))
    data_dir = json.loads(Path(pushed, "lineage.json").read_text())["data"]["directory"]
    ((images, labels, _),) = read_split(data_dir)
    bits = load_model(trained).bits_per_dimension(images, labels)
    assert row["value"] == pytest.approx(np.mean(bits), rel=1e-3)  # Samples differ.
