"""The whole pipeline on tiny images; scores alone are set by the tests, so that the gate's cases come about."""

import copy
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.tiny_pipeline import CONTENT, Scores, write_blank_images, write_images
from tfgan_suite.commands import cli
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import read_split
from tfgan_suite.exports.model_card import CARD_JSON
from tfgan_suite.exports.saved_model import load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import BitsPerDimension
from tfgan_suite.release import DataAnomalyError, PipelineConfig, run_pipeline
from tfgan_suite.runs.run_files import load_model

pytest.importorskip("apache_beam", reason="Needs the extra [beam].")
pipeline_module = __import__("tfgan_suite.release.run_pipeline", fromlist=["evaluate"])


def run(content):
    lines = []
    return run_pipeline(PipelineConfig.from_dict(content), lines.append), lines


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """A directory in which the pipeline has run once, with a score of 40, and its result."""
    directory = tmp_path_factory.mktemp("pipeline")
    write_images(directory / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(pipeline_module, "evaluate", Scores(40.0))
        return directory, run(CONTENT)[0]


@pytest.fixture
def content(first_run, tmp_path, monkeypatch):
    """The configuration, in a copy of that directory."""
    monkeypatch.chdir(shutil.copytree(first_run[0], tmp_path / "copy"))
    return copy.deepcopy(CONTENT)


@pytest.fixture
def scores(monkeypatch):
    scores = Scores()
    monkeypatch.setattr(pipeline_module, "evaluate", scores)
    return scores


def test_the_first_run_pushes(first_run, content):
    _, result = first_run
    assert result.done == ("prepare", "check data", "train", "evaluate", "push")
    assert result.pushed == Path("saved_models/tiny/1")
    np.testing.assert_array_equal(
        load_generator(result.pushed).generate(2, seed=3), load_model(result.run_dir).generate(2, seed=3)
    )
    lineage = json.loads((result.pushed / "lineage.json").read_text())
    assert lineage["data"]["fingerprint"] == DatasetInfo.load("data").fingerprint
    assert lineage["train"]["run_dir"] == str(result.run_dir) and lineage["scores"][0]["value"] == 40.0
    assert json.loads((result.pushed / CARD_JSON).read_text())["license"] == "CC0"


def test_only_a_better_model_is_pushed(content, scores):
    again, lines = run(content)  # Nothing changed: nothing is done, nothing scored.
    assert again.done == () and again.pushed == Path("saved_models/tiny/1") and scores.scored == []
    assert sum("nothing to do" in line for line in lines) == 4

    content["train"]["seed"] = 1
    scores.values += [45.0]  # Good enough, but worse than the last, whose own score is at hand.
    worse, lines = run(content)
    assert worse.pushed is None and worse.done == ("train", "evaluate") and scores.scored == ["DCGAN"]
    assert "compared to 40 for the last model pushed" in lines[-1]
    assert not Path("saved_models/tiny/2").exists()

    content["evaluate"]["seed"] = 1
    scores.values += [30.0]
    assert run(content)[0].pushed == Path("saved_models/tiny/2")


KILLED_PIPELINE = """
import json, os, signal, sys

from tests.tiny_pipeline import Scores
from tfgan_suite.release import PipelineConfig, run_pipeline
from tfgan_suite.release.ledger import Ledger

module = __import__("tfgan_suite.release.run_pipeline", fromlist=["evaluate"])
module.evaluate = Scores(30.0)
add = Ledger.add
Ledger.add = lambda self, step, *args, **kw: (
    os.kill(os.getpid(), signal.SIGKILL) if step == "push" else add(self, step, *args, **kw)
)
run_pipeline(PipelineConfig.from_dict(json.loads(sys.argv[1])), print)
"""


@pytest.mark.slow
def test_a_pipeline_killed_between_push_and_ledger_finds_its_push(content, scores):
    kills = found = 0
    for seed in (1, 2):
        content["train"]["seed"] = seed
        shutil.rmtree("saved_models/tiny/2", ignore_errors=True)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", KILLED_PIPELINE, json.dumps(content)]
        killed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        kills += 1
        assert sorted(os.listdir("saved_models/tiny")) == ["1", "2"]  # Whole, and nothing beside it.
        ledger = Path("root/ledger.jsonl")
        before = [json.loads(line)["step"] for line in ledger.read_text().splitlines()]
        again, lines = run(content)
        assert again.pushed == Path("saved_models/tiny/2") and again.done == () and scores.scored == []
        assert "nothing to do, saved_models/tiny/2 already contains this model" in lines[-1]
        after = [json.loads(line)["step"] for line in ledger.read_text().splitlines()]
        assert after == [*before, "push"] and sorted(os.listdir("saved_models/tiny")) == ["1", "2"]
        np.testing.assert_array_equal(
            load_generator(again.pushed).generate(2, seed=3), load_model(again.run_dir).generate(2, seed=3)
        )
        found += 1
    print(f"{found} of {kills} pushes were found again after a kill before their line in the ledger")


def test_on_new_images_the_last_model_is_scored_too(content, scores):
    write_images(Path("photos"), count=30)
    scores.values += [20.0, 19.0]
    assert run(content)[0].pushed is None
    assert scores.scored == ["DCGAN", "ExportedModel"]


def test_below_the_threshold(content, capsys):
    shutil.rmtree("saved_models")
    content["gate"]["thresholds"]["frechet_distance_16"] = 39.5
    Path("pipeline.yaml").write_text(yaml.safe_dump(content))
    assert cli.main(["pipeline", "--config", "pipeline.yaml", "--dry-run"]) == 0
    assert cli.main(["pipeline", "--config", "pipeline.yaml"]) == 1
    output, errors = capsys.readouterr()
    assert "frechet_distance_16 is 40, expected at most 39.5." in output and "was not pushed" in errors
    assert not Path("saved_models").exists()


def test_a_model_that_does_not_answer_is_not_pushed(content, monkeypatch):
    shutil.rmtree("saved_models")
    export_run = pipeline_module.run_files.export_run

    def break_it(run_dir, path, **options):
        export_run(run_dir, path, **options)
        (path / "variables" / "variables.index").write_bytes(b"broken")

    monkeypatch.setattr(pipeline_module.run_files, "export_run", break_it)
    with pytest.raises(UserError, match="does not work in a separate process"):
        run(content)
    assert not Path("saved_models").exists()


def test_anomalies_stop_it(content):
    write_images(Path("photos"), count=36, classes=("a", "b", "c"), seed=3)
    write_blank_images(Path("photos/a"), 3)
    for _ in range(2):  # And it goes on stopping it.
        with pytest.raises(DataAnomalyError, match="New class: 'c'.*Suspicious images: 3 of") as error:
            run(content)
        assert len(error.value.anomalies) == 2


def test_a_set_prepared_by_others_is_left_alone(content):
    other = {**content, "root": "other", "data": {**content["data"], "image_size": 16}}
    before = Path("data/dataset_info.json").read_bytes()
    with pytest.raises(UserError, match="force"):
        run(other)
    assert Path("data/dataset_info.json").read_bytes() == before


@pytest.mark.parametrize(
    "section, entry, message",
    [
        ("data", {"sauce": 1}, "'sauce'.*Did you mean 'source'"),
        ("train", {"batchsize": 1}, "'batchsize'.*'batch_size'"),
        ("evaluate", {"num_image": 1}, "'num_image'.*'num_images'"),
        ("gate", {"thresholds": {}}, "thresholds"),
        ("gate", {"thresholds": {"frechet_distance_16": "40"}}, "must be a number.*'40'"),
        ("push", {"dir": "x"}, "'dir'.*'directory'"),
    ],
)
def test_mistakes_in_the_file(section, entry, message):
    content = copy.deepcopy(CONTENT)
    content[section] = {**content[section], **entry}
    with pytest.raises(UserError, match=message):
        PipelineConfig.from_dict(content)


def test_files_that_are_no_configuration(tmp_path):
    with pytest.raises(UserError, match="There is no such file"):
        PipelineConfig.load(tmp_path / "none.yaml")
    path = tmp_path / "pipeline.yaml"
    path.write_text("name: [")
    with pytest.raises(UserError, match="must be a YAML file"):
        PipelineConfig.load(path)
    path.write_text("- a")
    with pytest.raises(UserError, match="must be a mapping"):
        PipelineConfig.load(path)
    path.write_text("name: tiny\nroot: root")
    with pytest.raises(UserError, match="must contain data, train, gate"):
        PipelineConfig.load(path)


def test_sampling_options_of_the_model_are_arguments_of_evaluate():
    content = {**CONTENT, "evaluate": {**CONTENT["evaluate"], "truncation": 0.7}}
    assert PipelineConfig.from_dict(content).evaluate["truncation"] == 0.7
    for unknown in ({"temperature": 0.7}, {"sampling": {"truncation": 0.7}}):
        with pytest.raises(UserError, match="Unknown entry of evaluate"):
            PipelineConfig.from_dict({**content, "evaluate": unknown})


def test_the_old_spelling_of_license_is_understood(tmp_path):
    content = {**CONTENT, "root": str(tmp_path), "push": {"licence": "MIT", "directory": "saved_models"}}
    assert PipelineConfig.from_dict(content).push == {"license": "MIT", "directory": "saved_models"}


def test_a_model_with_a_likelihood_is_gated_on_its_bits_per_dimension(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bits_alone = functools.partial(pipeline_module.evaluate, metrics=[BitsPerDimension()])  # No extractor is needed.
    monkeypatch.setattr(pipeline_module, "evaluate", bits_alone)
    write_images(tmp_path / "photos")
    content = copy.deepcopy(CONTENT)
    content["train"].update(preset="vae", model={"base_channels": 4, "latent_size": 2, "dense_units": 4})
    content["gate"] = {"thresholds": {"bits_per_dimension_train_24": 1.0}}
    refused, lines = run(content)
    assert refused.pushed is None and "bits_per_dimension_train_24" in lines[-1] and "at most 1" in lines[-1]
    content["gate"] = {"thresholds": {"bits_per_dimension_train_24": 10.0}}
    result, _ = run(content)
    assert result.done == ("push",)
    scores = {row["name"]: row for row in json.loads((result.pushed / "lineage.json").read_text())["scores"]}
    ((images, labels, _),) = read_split("data")
    bits = load_model(result.run_dir).bits_per_dimension(images, labels)
    assert scores["bits_per_dimension_train_24"]["value"] == pytest.approx(np.mean(bits), rel=1e-3)  # Samples differ.
