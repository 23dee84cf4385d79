"""Small exported models, and a server for them, shared by the tests of serving."""

import json
import urllib.error
import urllib.request

import pytest
import tensorflow as tf

from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.serving import Server

MAX_COUNT = 8


def lively_gan(**arguments):
    """An untrained DCGAN whose images are not all grey."""
    gan = DCGAN(latent_size=8, base_channels=4, **arguments)
    for variable in gan.ema_generator.weights:
        if len(variable.shape) > 1:
            variable.assign(variable * 8.0)
    return gan


@pytest.fixture(scope="session")
def digits():
    """Conditional, grey."""
    return lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=1)


@pytest.fixture(scope="session")
def faces():
    """Unconditional, colour."""
    return lively_gan(image_shape=(16, 16, 3), seed=2)


class Echo(tf.Module):
    """A model of another kind: bytes in, bytes and text out, and floats that standard JSON does not know."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def echo(self, text):
        return {"echo_bytes": text, "echo": text, "length": tf.strings.length(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def inverse(self, x):
        return {"inverse": 1.0 / x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bool), tf.TensorSpec([None], tf.uint8)])
    def pair(self, flags, small):
        return {"flags": flags, "small": small[:1]}


@pytest.fixture(scope="session")
def models_directory(tmp_path_factory, digits, faces):
    """digits versions 1 and 2, faces version 7, echo version 1."""
    directory = tmp_path_factory.mktemp("saved_models")
    export_saved_model(digits, directory / "digits" / "1", max_count=MAX_COUNT)
    other_digits = lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=5)
    export_saved_model(other_digits, directory / "digits" / "2", max_count=MAX_COUNT)
    export_saved_model(faces, directory / "faces" / "7", max_count=MAX_COUNT)
    echo = Echo()
    signatures = {"serving_default": echo.echo, "inverse": echo.inverse, "pair": echo.pair}
    tf.saved_model.save(echo, str(directory / "echo" / "1"), signatures=signatures)
    return directory


@pytest.fixture(scope="session")
def server(models_directory):
    with Server(models_directory, rest_port=0, grpc_port=0) as running:
        yield running


class RestClient:
    """Nothing but urllib: what any client can do."""

    def __init__(self, url):
        self.url = url

    def request(self, path, body=None, method=None, headers=None):
        """Status and JSON of the answer."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.headers["Content-Type"] == "application/json"
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            assert error.headers["Content-Type"] == "application/json"
            return error.code, json.loads(error.read())

    def predict(self, model, body):
        return self.request(f"/v1/models/{model}:predict", body)


@pytest.fixture(scope="session")
def rest(server):
    return RestClient(server.rest_url)
