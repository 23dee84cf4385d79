"""KServe's own server in a process, asked by urllib alone in the V2 protocol: skipped where KServe is not installed."""

import importlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import tfgan_suite as tg

DIRECTORY = Path(__file__).parents[2] / "saved_models" / "digits"


def test_without_kserve_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "kserve", None)
    monkeypatch.delitem(sys.modules, "tfgan_suite.serving.kserve_model", raising=False)
    with pytest.raises((tg.MissingExtraError, ModuleNotFoundError), match="kserve"):
        importlib.import_module("tfgan_suite.serving.kserve_model")


@pytest.fixture(scope="module")
def url():
    pytest.importorskip("kserve", reason="Needs the extra [kserve].")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tfgan_suite.serving.kserve_model", str(DIRECTORY)]
    command += ["--http_port", str(port), "--enable_grpc", "false"]
    process = subprocess.Popen(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    try:
        url = f"http://127.0.0.1:{port}/v2"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if ask(f"{url}/health/ready")[0] == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def tensor(name, datatype, data):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


def generate(url, parameters=None, **changes):
    values = {"seed": 5, "count": 3, "truncation": 0.7, "labels": [1, 2, 3], **changes}
    datatypes = {"seed": "INT64", "count": "INT32", "truncation": "FP32", "labels": "INT32"}
    inputs = [tensor(name, datatypes[name], np.atleast_1d(value).tolist()) for name, value in values.items()]
    return ask(f"{url}/models/digits/infer", {"inputs": inputs, "parameters": parameters or {}})


def test_generate_gives_the_images_of_the_model(url):
    status, body, _ = generate(url)
    assert status == 200, body
    answer = json.loads(body)
    assert (answer["model_name"], answer["model_version"]) == ("digits", "1")
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("images", "UINT8", [3, 32, 32, 1])
    images = np.array(output["data"], np.uint8).reshape(output["shape"])
    expected = tg.load_generator(DIRECTORY).generate(3, labels=[1, 2, 3], truncation=0.7, seed=5)
    np.testing.assert_array_equal(images, expected)


def test_png_comes_as_bytes(url):
    status, body, headers = generate(url, {"signature_name": "generate_png", "binary_data_output": True})
    assert status == 200, body
    length = int(headers["Inference-Header-Content-Length"])
    (output,) = json.loads(body[:length])["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("png_bytes", "BYTES", [3])
    first = int.from_bytes(body[length : length + 4], "little")
    image = np.asarray(PIL.Image.open(io.BytesIO(body[length + 4 : length + 4 + first])))
    expected = tg.load_generator(DIRECTORY).generate(3, labels=[1, 2, 3], truncation=0.7, seed=5)
    np.testing.assert_array_equal(image, expected[0, :, :, 0])
    status, body, _ = generate(url, {"signature_name": "generate_png"})
    assert status == 400 and b"binary_data" in body


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"count": 10**6, "labels": []}, "count must be from 1 to 64"),
        ({"labels": [1, 2, 10]}, "labels must be from 0 to 9"),
        ({"truncation": 2.0}, "truncation must be from 0 to 1"),
        ({"seed": 10**30}, "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(url, changes, message):
    status, body, _ = generate(url, **changes)
    assert status == 400 and message in json.loads(body)["error"], body


def test_other_refusals(url):
    assert generate(url, {"signature_name": "dream"})[0] == 400
    assert ask(f"{url}/models/digits/infer", {"inputs": [tensor("seed", "INT64", [1])]})[0] == 400
    seed = {**tensor("seed", "INT64", [1]), "shape": [2**40]}
    status, body, _ = ask(f"{url}/models/digits/infer", {"inputs": [seed]})
    assert status == 400 and "cannot be read" in json.loads(body)["error"]
    assert ask(f"{url}/models/cats/infer", {"inputs": [tensor("seed", "INT64", [1])]})[0] == 404


def test_metadata(url):
    status, body, _ = ask(f"{url}/models/digits")
    metadata = json.loads(body)
    assert status == 200 and metadata["name"] == "digits"
    assert {entry["name"]: entry["datatype"] for entry in metadata["inputs"]} == {
        "seed": "INT64",
        "count": "INT32",
        "truncation": "FP32",
        "labels": "INT32",
    }
    assert [entry["datatype"] for entry in metadata["outputs"]] == ["UINT8"]
