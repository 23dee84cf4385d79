"""The examples of docs/serving.md run, in their order, against a server of the model that they export."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tfgan_suite.serving import Server

DOCUMENT = Path(__file__).parents[2] / "docs" / "serving.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The document's own directory `saved_models`, made by its first example."""
    directory = tmp_path_factory.mktemp("documentation")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        names = {}
        exec(blocks("python")[0], names)
        assert names["path"].as_posix() == "saved_models/digits/1"
    return directory, names["gan"]


@pytest.fixture(scope="module")
def running(exported):
    with Server(exported[0] / "saved_models", rest_port=0, grpc_port=0) as server:
        yield server


def at(server, code):
    """With the ports of this server for the usual ones."""
    return code.replace("localhost:8501", f"127.0.0.1:{server.rest_port}").replace(
        "localhost:8500", f"127.0.0.1:{server.grpc_port}"
    )


def test_python_examples(exported, running, monkeypatch):
    directory, gan = exported
    monkeypatch.chdir(directory)
    results = []
    for code in blocks("python")[1:]:
        names = {}
        exec(at(running, code), names)
        results.append(names)
    saved_model, loaded, _, batching, rest, remote = results
    np.testing.assert_array_equal(saved_model["images"], gan.generate(4, labels=[3, 1, 4, 1], seed=1))
    np.testing.assert_array_equal(loaded["images"], gan.generate(100, labels=7, truncation=0.8, seed=1))
    assert batching["batching"].max_batch_images == 16
    assert rest["png"] == (directory / "five.png").read_bytes()
    np.testing.assert_array_equal(remote["images"], gan.generate(2, labels=[3, 7], seed=1))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_examples(exported, running):
    commands = [code for code in blocks("bash") if "curl" in code]
    answers = []
    for code in commands:
        for command in code.replace("\\\n", " ").splitlines():
            finished = subprocess.run(at(running, command), shell=True, capture_output=True, check=True, timeout=60)
            answers.append(json.loads(finished.stdout))
    status, metadata, columns, rows = answers
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    assert metadata["model_spec"]["version"] == "1"
    np.testing.assert_array_equal(columns["outputs"], exported[1].generate(2, labels=[3, 7], seed=1))
    assert list(rows["predictions"][0]) == ["b64"]
