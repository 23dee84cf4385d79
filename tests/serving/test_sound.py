"""Sound over REST: WAV files, as JSON and by themselves, equal to Python's to the byte."""

import base64
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

import tfgan_suite as tg
from tests.serving.conftest import RestClient, lively_gan
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.serving import DynamicBatching, Server


@pytest.fixture(scope="module")
def speaker():
    gan = lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=1)
    gan.depict(tg.LogMelSpec((16, 16, 1), tg.LogMel(8000, fft_length=128, hop_length=32, num_bands=16)))
    return gan


@pytest.fixture(scope="module")
def directory(speaker, tmp_path_factory):
    return export_saved_model(speaker, tmp_path_factory.mktemp("saved_models") / "speaker", max_count=4).parent


def test_the_export_knows_that_it_is_sound(speaker, directory):
    exported = load_generator(directory)
    assert exported.spec == speaker.spec and exported.spec.log_mel.hop_length == 32
    np.testing.assert_array_equal(exported.generate(3, seed=5), speaker.generate(3, seed=5))


def test_wavs_are_pythons(speaker, directory):
    examples = speaker.generate(3, labels=[0, 1, 2], seed=1)
    expected = [speaker.spec.to_file(example) for example in examples]
    with Server(directory, rest_port=0, grpc_port=0, batching=DynamicBatching()) as server:
        rest = RestClient(server.rest_url)
        assert '"signature_name": "generate_wav"' in server.describe()
        inputs = {"seed": 1, "count": 3, "truncation": 1.0, "labels": [0, 1, 2]}
        status, answer = rest.predict("speaker", {"signature_name": "generate_wav", "inputs": inputs})
        assert status == 200
        assert [base64.b64decode(one["b64"]) for one in answer["outputs"]] == expected

        def ask(count, accept):
            body = {"signature_name": "generate_wav", "inputs": {**inputs, "count": count, "labels": [0, 1, 2][:count]}}
            url = f"{server.rest_url}/v1/models/speaker:predict"
            return urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), {"Accept": accept}))

        with ask(1, "audio/wav, */*;q=0.1") as response:
            assert response.headers["Content-Type"] == "audio/wav"
            assert response.read() == expected[0]
        with ask(1, "*/*") as response:
            assert response.headers["Content-Type"] == "application/json"
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(2, "audio/wav")
        assert caught.value.code == 406 and "ask for a count of 1" in caught.value.read().decode()
