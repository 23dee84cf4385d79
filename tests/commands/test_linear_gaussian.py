"""A model of one's own, no GAN, goes through every command: the linear Gaussian of `docs/add_a_model.md`."""

import copy
import http.client
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import tfgan_suite as tg
from tests.linear_gaussian import LinearGaussian
from tests.test_case import assert_same_weights
from tests.tiny_pipeline import CONTENT, Scores, write_images
from tfgan_suite.commands import cli
from tfgan_suite.exports.saved_model import load_generator
from tfgan_suite.foundation.history import read_history
from tfgan_suite.models import catalogue
from tfgan_suite.release import PipelineConfig, run_pipeline
from tfgan_suite.runs.run_files import load_model

PIPELINE = __import__("tfgan_suite.release.run_pipeline", fromlist=["evaluate"])
TRAIN = ["train", "--preset", "linear_gaussian_8", "--no-conditional", "--batch-size", 8, "--images-per-tick", 16]
TRAIN += ["--score-every-ticks", -1, "--set", "latent_size=3"]


def run(capsys, *argv):
    """Standard output of a command that succeeds."""
    code = cli.main([str(argument) for argument in argv])
    output, errors = capsys.readouterr()
    assert code == 0, errors
    return output


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_REGISTERED", {})
        tg.register_model("linear_gaussian", LinearGaussian)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory, registered):
    """A directory with a prepared set, by the command, and a finished run."""
    pytest.importorskip("apache_beam", reason="Needs the extra [beam].")
    directory = tmp_path_factory.mktemp("linear_gaussian")
    write_images(directory / "photos", count=48)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        arguments = ["--image-size", "8", "--channels", "1", "--split", "train=0.7", "--split", "test=0.3"]
        assert cli.main(["prepare", "photos", "data", *arguments]) == 0
        assert cli.main([str(one) for one in [*TRAIN, "--data", "data", "--run", "run", "--images", 64]]) == 0
    return directory


@pytest.fixture
def directory(finished, monkeypatch):
    monkeypatch.chdir(finished)
    return finished


def test_dry_run(directory, capsys):
    output = run(capsys, *TRAIN, "--data", "data", "--run", "new", "--images", 64, "--dry-run")
    assert "LinearGaussian" in output and "decoder" in output and not Path("new").exists()


def test_a_stopped_run_ends_with_the_same_weights(directory, capsys):
    where = ["--data", "data", "--run", "stopped"]
    run(capsys, *TRAIN, *where, "--images", 32)
    run(capsys, *TRAIN, *where, "--images", 64)
    assert_same_weights(load_model("stopped"), load_model("run"))
    assert [row["examples_seen"] for row in read_history("stopped/history.jsonl")] == [16, 32, 48, 64]


def test_sample_and_report(directory, capsys):
    run(capsys, "sample", "run", "--count", 8, "--sampling", "temperature=0", "--output", "grid.png")
    run(capsys, "report", "run")
    text = Path("run/report.html").read_text("utf-8")
    assert Path("grid.png").stat().st_size > 0 and "LinearGaussian" in text and "opponent" not in text


def test_evaluate_in_bits_per_dimension(directory, capsys):
    """The printed number against SciPy's density of the held-out images."""
    run(capsys, "evaluate", "run", "--metrics", "bits_per_dimension,reconstruction_error", "--split", "test")
    (row,) = (row for row in tg.Evaluation.load("run") if row.name.startswith("bits_per_dimension"))
    model = load_model("run")
    _, test = tg.load_dataset("data", "test", 4, repeat=False, shuffle=False, drop_remainder=False)
    images = np.concatenate([images.numpy() for images, _ in test]).reshape(-1, 64)
    kernel, bias = (np.asarray(v, "float64") for v in model.ema_decoder.variables)
    nats = scipy.stats.multivariate_normal(bias, kernel.T @ kernel + 0.09 * np.eye(64)).logpdf(images)
    # A density of values in [-1, 1], whose 256 levels lie 2 / 255 apart.
    expected = np.mean(-nats / (64 * np.log(2.0))) + np.log2(255 / 2)
    assert row.value == pytest.approx(expected, rel=1e-3), row.protocol
    assert "exact" in json.dumps(row.protocol)


def test_export_and_serve(directory, capsys):
    run(capsys, "export", "run", "saved_models/own")
    model, exported = load_model("run"), load_generator("saved_models/own")
    np.testing.assert_array_equal(exported.generate(3, seed=1), model.generate(3, seed=1))
    images = np.random.default_rng(0).uniform(-1, 1, [2, 8, 8, 1]).astype("float32")
    np.testing.assert_allclose(exported.log_prob(images), model.log_prob(images), rtol=1e-5)
    np.testing.assert_allclose(exported.reconstruct(images), model.reconstruct(images), atol=1e-5)

    from tfgan_suite.serving.model_repository import ModelRepository
    from tfgan_suite.serving.rest_server import RestServer

    server = RestServer(ModelRepository(directory / "saved_models" / "own"), "127.0.0.1", 0)
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        inputs = {"seed": 1, "count": 2, "temperature": 0.5}
        body = json.dumps({"signature_name": "generate", "inputs": inputs})
        connection.request("POST", "/v1/models/own:predict", body)
        answer = json.loads(connection.getresponse().read())
        np.testing.assert_array_equal(answer["outputs"], model.generate(2, seed=1, temperature=0.5))
    finally:
        server.stop()


@pytest.mark.parametrize("format, package", [("onnx", "tf2onnx"), ("litert", "ai_edge_litert")])
def test_export_to_a_file(directory, capsys, format, package):
    pytest.importorskip(package)
    assert "dB" in run(capsys, "export", "run", f"exports/own-{format}", "--format", format)


def test_pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photos")
    monkeypatch.setattr(PIPELINE, "evaluate", Scores(40.0))
    content = copy.deepcopy(CONTENT)
    content["train"] |= {"preset": "linear_gaussian_8", "model": {"latent_size": 3}, "conditional": False}
    result = run_pipeline(PipelineConfig.from_dict(content), lambda line: None)
    assert result.pushed == Path("saved_models/tiny/1")
    assert load_generator(result.pushed).generate(2, seed=1).shape == (2, 8, 8, 1)
