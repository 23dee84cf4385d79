"""Models with a likelihood behind a server: REST and gRPC answer what the methods return."""

import contextlib

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

import tfgan_suite as tg
from tests.serving.conftest import RestClient
from tests.serving.test_grpc_server import predict_request
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture
from tfgan_suite.serving import DynamicBatching, Server

MAX_COUNT = 4
# An export of the larger graphs takes a quarter of a minute.
ALL = ["vae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vdvae", "pixelcnn"))]


def randomized(model, deviation):
    generator = np.random.default_rng(0)
    for network in model.averages.values():
        network.set_weights([one + generator.normal(0, deviation, one.shape) for one in network.get_weights()])
    return model


@pytest.fixture(scope="module")
def likelihood_models():
    vae = tg.VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
    layouts = {"encoder": "8x1,8d2,4d4,1x1", "decoder": "1x1,4m1,8m4"}
    vdvae = tg.VDVAE(image_shape=(8, 8, 1), width=8, latent_channels=2, components=2, num_classes=2, **layouts)
    mixture = DiscretizedLogisticMixture(2)
    pixelcnn = tg.PixelCNN(image_shape=(4, 4, 1), blocks=1, filters=3, distribution=mixture, levels=16, num_classes=2)
    return {name: randomized(model, 0.2) for name, model in {"vae": vae, "vdvae": vdvae, "pixelcnn": pixelcnn}.items()}


@pytest.fixture(scope="module")
def served(likelihood_models, tmp_path_factory):
    """A model's server by its name, and its directory; exported and started when it is first asked for."""
    directory, started = tmp_path_factory.mktemp("likelihoods"), {}
    with contextlib.ExitStack() as stack:

        def server_of(name):
            if name not in started:
                export_saved_model(likelihood_models[name], directory / name, max_count=MAX_COUNT)
                server = Server(directory / name, rest_port=0, grpc_port=0, batching=DynamicBatching())
                started[name] = stack.enter_context(server), directory / name
            return started[name]

        yield server_of


@pytest.fixture(scope="module")
def ask(served):
    """Asks both wires, whose answers must be equal; returns the one output."""

    def ask_both(name, signature, **inputs):
        server, _ = served(name)
        plain = {key: np.asarray(value).tolist() for key, value in inputs.items()}
        status, answer = RestClient(server.rest_url).predict(name, {"signature_name": signature, "inputs": plain})
        assert status == 200, answer
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            response = stub.Predict(predict_request(name, signature, inputs=inputs), timeout=60)
        ((_, output),) = response.outputs.items()
        array = tf.make_ndarray(output)
        np.testing.assert_array_equal(np.asarray(answer["outputs"], array.dtype), array)
        return array

    return ask_both


def images_and_labels(model, count=3):
    generator = np.random.default_rng(1)
    images = generator.integers(0, model.spec.levels, [count, *model.spec.shape]).astype("uint8")
    return images, {} if model.num_classes is None else {"labels": np.arange(count, dtype=np.int32) % 2}


@pytest.mark.parametrize("name", ALL)
def test_log_prob(likelihood_models, ask, name):
    """float32 on the wire, float64 in Python: within 1e-6 of the value, a ten-thousandth of a nat in 100."""
    model = likelihood_models[name]
    images, labels = images_and_labels(model)
    expected = model.log_prob(images, **labels).numpy()
    np.testing.assert_allclose(ask(name, "log_prob", images=images, **labels), expected, rtol=1e-6)
    assert expected.std() > 1.0
    # An image's number is its own, in any batch.
    alone = [
        ask(name, "log_prob", images=images[i : i + 1], **{key: one[i : i + 1] for key, one in labels.items()})[0]
        for i in range(3)
    ]
    np.testing.assert_allclose(alone, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ALL[:2])
def test_encode_and_reconstruct(likelihood_models, ask, name):
    model = likelihood_models[name]
    images, labels = images_and_labels(model)
    values = model.spec.to_model(images)
    latents = ask(name, "encode", images=images, **labels)
    np.testing.assert_allclose(latents, model.encode(values, **labels), rtol=1e-4, atol=1e-5)
    reconstructed = ask(name, "reconstruct", images=images, **labels)
    np.testing.assert_array_equal(reconstructed, model.spec.to_edge(model.reconstruct(values, **labels)))


@pytest.mark.parametrize("name", ALL)
def test_generate(likelihood_models, ask, name):
    model = likelihood_models[name]
    labels = {} if model.num_classes is None else {"labels": np.array([1, 0, 1], np.int32)}
    numbers = {"seed": np.int64(5), "count": np.int32(3), "temperature": np.float32(0.8)}
    images = ask(name, "generate", **numbers, **labels)
    np.testing.assert_array_equal(images, model.generate(3, seed=5, temperature=0.8, **labels))
    assert images.std() > 0


@pytest.mark.slow
def test_complete(likelihood_models, ask):
    model = likelihood_models["pixelcnn"]
    images, labels = images_and_labels(model, 4)
    mask = np.zeros([4, 4, 4], bool)
    mask[:, :2] = True
    mask[3] = False
    received = ask(
        "pixelcnn", "complete", images=images, mask=mask, seed=np.array([7]), temperature=np.float32([1.0]), **labels
    )
    np.testing.assert_array_equal(received, model.complete(images, mask, seed=7, **labels))
    np.testing.assert_array_equal(received[mask], images[mask])
    assert (received != images)[~mask].mean() > 0.5
    # A seed and a temperature for each image: as each is completed alone.
    seeds, temperatures = np.array([7, 8, 7, 9]), np.float32([1.0, 0.5, 0.0, 1.0])
    received = ask("pixelcnn", "complete", images=images, mask=mask, seed=seeds, temperature=temperatures, **labels)
    for i in range(4):
        own = {"labels": labels["labels"][i : i + 1], "seed": int(seeds[i]), "temperature": float(temperatures[i])}
        alone = model.complete(images[i : i + 1], mask[i : i + 1], **own)[0]
        np.testing.assert_array_equal(received[i], alone)


@pytest.mark.slow
def test_refusals_say_what_is_wrong(likelihood_models, served):
    rest = RestClient(served("pixelcnn")[0].rest_url)
    model = likelihood_models["pixelcnn"]
    images, labels = images_and_labels(model)
    fitting = {"images": images, "mask": np.ones([3, 4, 4], bool), "seed": [1], "temperature": [1.0], **labels}
    wrong = {
        "mask must have as many rows as images": {"mask": np.ones([2, 4, 4], bool)},
        "seed must hold one number, or one for each image": {"seed": [1, 2]},
        "temperature must hold one number, or one for each image": {"temperature": [1.0, 1.0]},
        "temperature must be from 0 to 2": {"temperature": [3.0]},
        "labels must be from 0 to 1": {"labels": [0, 1, 2]},
        "whole levels from 0 to 15|on the grid of 16 levels": {"images": images + 16},
    }
    for message, change in wrong.items():
        inputs = {name: np.asarray(value).tolist() for name, value in {**fitting, **change}.items()}
        status, answer = rest.predict("pixelcnn", {"signature_name": "complete", "inputs": inputs})
        assert status == 400 and any(part in answer["error"] for part in message.split("|")), answer
    inputs = {"images": (images + 16).tolist(), "labels": labels["labels"].tolist()}
    status, answer = rest.predict("pixelcnn", {"signature_name": "log_prob", "inputs": inputs})
    assert status == 400 and "A likelihood is that of images of whole levels" in answer["error"]


@pytest.mark.slow
def test_loaded_again(likelihood_models, served):
    """In Python, without the class: `complete` and `log_prob` as the model's own."""
    model = likelihood_models["pixelcnn"]
    loaded = tg.load_generator(served("pixelcnn")[1])
    images, labels = images_and_labels(model)
    mask = np.arange(16).reshape(4, 4) < 7
    expected = model.complete(images, mask, seed=2, temperature=0.7, **labels)
    np.testing.assert_array_equal(loaded.complete(images, mask, seed=2, temperature=0.7, **labels), expected)
    floats = np.where(mask[..., None], model.spec.to_model(images), np.nan).astype("float32")
    np.testing.assert_array_equal(loaded.complete(floats, mask, seed=2, temperature=0.7, **labels), expected)
    with pytest.raises(tg.UserError, match="`mask` must be boolean"):
        loaded.complete(images, mask[:3], **labels)
