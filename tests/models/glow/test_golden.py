"""Glow and RealNVP: the numbers of the reference implementations, gradients and the initialization from data included."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, channels_last, load_golden, part_of
from tfgan_suite.checkpoints.glow_state import glow_state, load_glow_state
from tfgan_suite.checkpoints.realnvp_state import realnvp_state
from tfgan_suite.models.glow.invertible_convolution import InvertibleConvolution
from tfgan_suite.models.glow.squeeze import squeeze

GLOW = {"glow_16_affine": 256, "glow_8_additive_cond4": 32, "glow_8_reverse": 256}
REALNVP = ["realnvp_8", "realnvp_8_gray"]


class StoredNoise:
    """The reference's draw of dequantization noise."""

    def __init__(self, noise):
        self._noise = tf.constant(noise)

    def uniform(self, name, shape):
        assert self._noise.shape[1:] == tuple(shape)
        return self._noise


@pytest.fixture(scope="module", params=GLOW)
def glow(request):
    golden = load_golden(f"likelihood/{request.param}")
    shape = golden["in/image"].shape[1:]
    return golden, tg.checkpoints.glow_from_state(part_of(golden, "w/"), image_shape=shape, levels=GLOW[request.param])


@pytest.fixture(scope="module", params=REALNVP)
def realnvp(request):
    golden = load_golden(f"likelihood/{request.param}")
    shape = golden["in/image"].transpose(0, 2, 3, 1).shape[1:]
    return golden, tg.checkpoints.realnvp_from_state(part_of(golden, "w/"), image_shape=shape)


def images_of(golden, model, name="in/image"):
    """The images as floats on the grid of the levels."""
    images = golden[name] if golden[name].shape[-1] in (1, 3) else golden[name].transpose(0, 2, 3, 1)
    return model.spec.to_model(images // (256 // model.spec.levels))


def bits_and_gradients(model, images, labels, noise):
    with tf.GradientTape() as tape:
        latents, log_det = model.forward(model.dequantize(images, noise), labels, training=True)
        density = log_det - 0.5 * tf.reduce_sum(tf.square(latents) + np.log(2 * np.pi), axis=1)
        nats = model.num_dimensions * np.log(model.spec.levels / 2.0) - density
        loss = tf.reduce_mean(nats) * model.bits_per_nat
    return nats, tape.gradient(loss, model.network.trainable_variables)


def assert_gradients(received, expected):
    assert received.keys() == expected.keys()
    for name, gradient in received.items():
        if name.endswith("rescale.weight_v"):  # Of a direction in one dimension: rounding.
            assert np.abs(expected[name]).max() <= 1e-4 and not gradient.any()
            continue
        size = np.linalg.norm(expected[name])
        assert np.linalg.norm(gradient - expected[name]) <= 1e-3 * size + 1e-9, name


def test_glow_equals_the_authors(glow):
    golden, model = glow
    labels, images = golden.get("in/label"), images_of(golden, model)
    assert_near(0.5 * model.dequantize(images, golden["in/dequantization_noise"]), golden["in/x"], 1e-6)
    log_mass = model.log_mass(images, labels, 1, StoredNoise(golden["in/dequantization_noise"]))
    np.testing.assert_allclose(log_mass, golden["out/log_likelihood_nats_of_levels"], rtol=2e-5)
    np.testing.assert_allclose(-log_mass * model.bits_per_nat, golden["out/bits_per_dim"], rtol=2e-5)
    latents, _ = model.forward(2.0 * golden["in/x"], labels)
    for index, part in enumerate(model.network.split_latents(latents)):
        assert_near(part, golden[f"out/eps_{index}"])
    np.testing.assert_allclose(model.inverse(latents, labels), 2.0 * golden["in/x"], atol=1e-5)


def test_glow_samples_as_the_authors(glow):
    golden, model = glow
    parts = [part.reshape(len(part), -1) for _, part in sorted(part_of(golden, "in/sample_eps_").items())]
    latents = np.concatenate(parts, axis=1)
    for temperature in (1.0, 0.7):
        samples = model.inverse(temperature * latents, golden.get("in/label"))
        assert_near(0.5 * samples, golden[f"out/sample_float_t{temperature}"])
    step = 256 // model.spec.levels
    images = model.spec.to_edge(model.to_examples(samples)) * step
    # What lies above the highest level is 255 there in images of few levels too.
    np.testing.assert_array_equal(images, np.minimum(golden["out/sample_levels_t0.7"], 256 - step))


def test_glow_gradients_of_the_authors(glow):
    golden, model = glow
    images = images_of(golden, model)
    _, gradients = bits_and_gradients(model, images, golden.get("in/label"), golden["in/dequantization_noise"])
    expected = part_of(golden, "grad/")
    kernels = {name: expected.pop(name) for name in list(expected) if name.endswith("invconv/W")}
    assert_gradients(glow_state(model.network, gradients), expected)
    # Those of a kernel's factors follow from that of the kernel.
    of_variable = dict(zip(map(id, model.network.trainable_variables), gradients))
    layers = [one for scale in model.network.step_layers for one in scale if isinstance(one, InvertibleConvolution)]
    assert len(layers) == len(kernels)
    for layer, expected in zip(layers, kernels.values()):
        lower, upper, log_diagonal = (one.numpy() for one in layer._triangles())
        permuted = layer.permutation.numpy().T @ expected
        of_lower, of_upper = permuted @ upper.T, lower.T @ permuted
        factors = np.tril(of_lower, -1) + np.triu(of_upper, 1) + np.diag(np.diag(of_upper) * np.diag(upper))
        received = of_variable[id(layer.factors)].numpy()
        assert np.linalg.norm(received - factors) <= 1e-3 * np.linalg.norm(factors)


def test_glow_initialization_from_data_of_the_authors(glow):
    golden, model = glow
    again = tg.Glow.from_config(model.get_config())
    load_glow_state(again.network, part_of(golden, "before_init/"))
    images, labels = images_of(golden, model, "in/init_image"), golden.get("in/init_label")
    values = again.dequantize(images, golden["in/init_dequantization_noise"])
    latents, _ = again.network.forward(values, labels, initialize=True)
    state = glow_state(again.network)
    for name, value in part_of(golden, "after_init/").items():
        np.testing.assert_allclose(state[name], value, atol=2e-6)
    # The prior of the top is 0 and 1 there, so that its latents are the activations.
    if not any(np.any(array) for name, array in part_of(golden, "before_init/prior/").items()):
        assert_near(again.network.split_latents(latents)[-1], golden["out/init_pass_z"], 1e-3)


def test_glow_state_goes_there_and_back(glow):
    golden, model = glow
    for name, array in glow_state(model.network).items():
        np.testing.assert_allclose(array, golden[f"w/{name}"], atol=1e-6)


def parts_of_image(latents, scales):
    """RealNVP's latents as they lie in its image: of each scale the pixels of one color of the checkerboard."""
    parts = []
    for _ in range(scales - 1):
        squeezed = squeeze(latents).numpy()
        order = np.arange(squeezed.shape[3]).reshape(-1, 4)[:, [0, 3, 1, 2]].T.reshape(-1)
        latents, leaves = np.split(squeezed[..., order], 2, axis=3)
        parts.append(leaves)
    return np.concatenate([part.reshape(len(part), -1) for part in [*parts, latents]], axis=1)


def test_realnvp_equals_the_reference(realnvp):
    golden, model = realnvp
    images, noise = images_of(golden, model), golden["in/dequantization_noise"].transpose(0, 2, 3, 1)
    values = model.dequantize(images, noise)
    logits, log_det = model.network.scaling.forward(values)
    assert_near(logits, golden["out/logits"].transpose(0, 2, 3, 1))
    # Of [-1, 1) here, of [0, 1) there.
    np.testing.assert_allclose(log_det + model.num_dimensions * np.log(2.0), golden["out/preprocess_logdet"], rtol=1e-4)
    latents, log_det = model.forward(values)
    np.testing.assert_allclose(log_det + model.num_dimensions * np.log(2.0), golden["out/logdet"], rtol=1e-4)
    assert_near(latents, parts_of_image(channels_last(golden["out/z"]), 2))
    log_mass = model.log_mass(images, None, 1, StoredNoise(noise))
    np.testing.assert_allclose(-log_mass, golden["out/nll_nats"], rtol=2e-5)
    np.testing.assert_allclose(-log_mass * model.bits_per_nat, golden["out/bits_per_dim"], rtol=2e-5)
    latents = parts_of_image(channels_last(golden["in/latent"]), 2)
    samples = model.inverse(latents)
    key = "out/sample_in_unit_interval_constraint_undone"
    assert_near(0.5 * (samples + 1.0), golden[key].transpose(0, 2, 3, 1))
    assert_near(model.network.scaling.forward(samples)[0], golden["out/sample_logits"].transpose(0, 2, 3, 1), 1e-3)


def test_realnvp_gradients_of_the_reference(realnvp):
    golden, model = realnvp
    noise = golden["in/dequantization_noise"].transpose(0, 2, 3, 1)
    nats, gradients = bits_and_gradients(model, images_of(golden, model), None, noise)
    np.testing.assert_allclose(nats, golden["out/nll_nats"], rtol=2e-5)
    gradients = [gradient / model.bits_per_nat for gradient in gradients]
    assert_gradients(realnvp_state(model.network, gradients), part_of(golden, "grad/"))


def test_realnvp_state_goes_there_and_back(realnvp):
    golden, model = realnvp
    signs = {name for name in realnvp_state(model.network) if name.endswith("rescale.weight_v")}
    for name, array in realnvp_state(model.network).items():
        expected = np.sign(golden[f"w/{name}"]) if name in signs else golden[f"w/{name}"]
        np.testing.assert_allclose(array, expected, rtol=1e-6)
