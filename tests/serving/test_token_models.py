"""Models of tokens behind a server: REST and gRPC generate and complete what Python does."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

import tfgan_suite as tg
from tests.models.token_transformer.test_token_transformer import TINY, shaken
from tests.serving.conftest import RestClient
from tests.serving.test_grpc_server import predict_request
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.serving import Server

pytestmark = pytest.mark.slow
KINDS = {"causal": tg.TokenTransformer, "masked": tg.MaskedTokenTransformer}


@pytest.fixture(scope="module", params=KINDS)
def served(request, tmp_path_factory):
    model = shaken(KINDS[request.param](**TINY, num_classes=3))
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    export_saved_model(model, path, max_count=4)
    with Server(path, rest_port=0, grpc_port=0) as server:
        yield model, server


def ask(server, signature, **inputs):
    """The one output, over both wires."""
    plain = {key: np.asarray(value).tolist() for key, value in inputs.items()}
    status, answer = RestClient(server.rest_url).predict("tokens", {"signature_name": signature, "inputs": plain})
    assert status == 200, answer
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(predict_request("tokens", signature, inputs=inputs), timeout=60)
    ((_, output),) = response.outputs.items()
    array = tf.make_ndarray(output)
    np.testing.assert_array_equal(np.asarray(answer["outputs"], array.dtype), array)
    return array


def options_of(model, temperature):
    options = {option.name: np.float32(option.default) for option in model.sampling_options}
    return {**options, "temperature": np.float32(temperature), "top_k": np.float32(3)}


def test_generate(served):
    model, server = served
    options, labels = options_of(model, 0.8), np.array([2, 0, 1], np.int32)
    made = ask(server, "generate", seed=np.int64(5), count=np.int32(3), labels=labels, **options)
    np.testing.assert_array_equal(made, model.generate(3, seed=5, labels=labels, temperature=0.8, top_k=3))


def test_complete(served):
    """A prompt, and its continuation."""
    model, server = served
    tokens, labels = np.array([[1, 2, 3, 0, 0, 0], [4, 4, 0, 1, 0, 0]], np.int32), np.array([1, 2], np.int32)
    mask = np.array([[True] * 3 + [False] * 3, [True] * 2 + [False] * 4])
    options = {name: value[None] for name, value in options_of(model, 1.0).items()}
    made = ask(server, "complete", sequences=tokens, mask=mask, seed=np.array([7]), labels=labels, **options)
    np.testing.assert_array_equal(made, model.complete(tokens, mask, labels, seed=7, top_k=3))
    np.testing.assert_array_equal(made[mask], tokens[mask])


def test_tokens_that_there_are_not(served):
    model, server = served
    options = {name: [float(value)] for name, value in options_of(model, 1.0).items()}
    inputs = {"sequences": [[9] * 6], "mask": [[True] * 6], "seed": [1], "labels": [0], **options}
    status, answer = RestClient(server.rest_url).predict("tokens", {"signature_name": "complete", "inputs": inputs})
    assert status == 400 and "sequences must be from 0 to 4" in answer["error"]
