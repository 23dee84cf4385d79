"""Text over REST: prompts continued as in Python, as JSON and by itself."""

import json
import urllib.request

import numpy as np
import pytest

import tfgan_suite as tg
from tests.serving.conftest import RestClient
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.serving import DynamicBatching, Server


@pytest.fixture(scope="module")
def model():
    model = tg.TokenTransformer(
        tg.TextSpec((8,)), width=8, num_blocks=1, num_heads=2, ngram_sizes=(2,), ngram_buckets=31
    )
    rng = np.random.default_rng(0)
    for variable in model.ema_network.variables:
        variable.assign(variable + 0.4 * rng.standard_normal(variable.shape).astype("float32"))
    return model


def test_prompts_are_continued_as_in_python(model, tmp_path):
    directory = export_saved_model(model, tmp_path / "writer", max_count=4).parent
    options = {"temperature": [0.7], "top_k": [5.0], "top_p": [1.0]}
    expected = model.generate(prompt=["Call me", "caf\u00e9"], num_bytes=20, seed=3, temperature=0.7, top_k=5)
    with Server(directory, rest_port=0, grpc_port=0, batching=DynamicBatching()) as server:
        rest = RestClient(server.rest_url)
        inputs = {"prompt": ["Call me", "caf\u00e9"], "seed": [3], "num_bytes": [20], **options}
        status, answer = rest.predict("writer", {"signature_name": "generate_text", "inputs": inputs})
        assert status == 200 and answer["outputs"]["text"] == expected
        rows = [{"prompt": "Call me", "seed": 3, "num_bytes": 20, "temperature": 0.7, "top_k": 5.0, "top_p": 1.0}]
        status, answer = rest.predict("writer", {"signature_name": "generate_text", "instances": rows})
        assert status == 200 and answer["predictions"][0]["text"] == expected[0]
        body = {"signature_name": "generate_text", "inputs": {**inputs, "prompt": ["Call me"]}}
        url = f"{server.rest_url}/v1/models/writer:predict"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Accept": "text/plain"})
        with urllib.request.urlopen(request) as response:
            assert response.headers["Content-Type"] == "text/plain"
            assert response.read() == model.generate(prompt=b"Call me", num_bytes=20, seed=3, temperature=0.7, top_k=5)
        status, answer = rest.predict(
            "writer", {"signature_name": "generate_text", "inputs": {**inputs, "num_bytes": [0]}}
        )
        assert status == 400 and "num_bytes must be from 1 to 128" in answer["error"]
