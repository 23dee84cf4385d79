"""TarFlow: the numbers of the authors' code, with gradients, guidance and denoising."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, channels_last, load_golden, part_of
from tfgan_suite.checkpoints.tarflow_state import tarflow_state
from tfgan_suite.models.tarflow.patches import from_patches, to_patches


class StoredNoise:
    """The reference's draw of dequantization noise."""

    def __init__(self, noise):
        self._noise = channels_last(noise)

    def uniform(self, name, shape):
        assert self._noise.shape[1:] == tuple(shape)
        return self._noise


@pytest.fixture(scope="module", params=["tarflow_8", "tarflow_8_cond4", "tarflow_8_vp"])
def tarflow(request):
    golden = load_golden(f"likelihood/{request.param}")
    return golden, tg.checkpoints.tarflow_from_state(part_of(golden, "w/"))


def labels_of(golden, name="in/label"):
    return tf.constant(golden[name], tf.int32) if name in golden else None


def test_the_architecture_is_told_by_the_weights(tarflow):
    golden, model = tarflow
    assert model.image_shape == channels_last(golden["in/image"]).shape[1:]
    told = model.architecture
    blocks = len([name for name in part_of(golden, "w/") if name.endswith("pos_embed")])
    assert (told["width"], told["num_blocks"], told["layers_per_block"]) == (64, blocks, 1)
    assert told["volume_preserving"] == (not golden["out/logdet_per_dim"].any())
    assert model.num_classes == (4 if "in/label" in golden else None)


def test_latents_and_likelihood(tarflow):
    golden, model = tarflow
    labels, images = labels_of(golden), model.spec.to_model(channels_last(golden["in/image"]))
    values = model.dequantize(images, channels_last(golden["in/dequantization_noise"]))
    assert_near(values, channels_last(golden["in/x"]), 1e-6)
    tokens = to_patches(values, model.architecture["patch_size"])
    for index, block in enumerate(model.ema_network.blocks):
        tokens, _ = block.forward(tokens, labels)
        assert_near(tokens, golden[f"out/after_block_{index}"])
    tokens, log_det = model.ema_network.transform(values, labels)
    assert_near(tokens, golden["out/z"])
    np.testing.assert_allclose(log_det / model.num_dimensions, golden["out/logdet_per_dim"], rtol=1e-4, atol=1e-7)
    log_mass = model.log_mass(images, labels, 1, StoredNoise(golden["in/dequantization_noise"]))
    np.testing.assert_allclose(-log_mass * model.bits_per_nat, golden["out/bits_per_dim"], rtol=2e-5)
    density = log_mass + model.num_dimensions * np.log(model.spec.levels / 2.0)
    np.testing.assert_allclose(density, golden["out/log_prob_nats"], rtol=2e-5)


def test_training_loss_and_gradients(tarflow):
    golden, model = tarflow
    with tf.GradientTape() as tape:
        tokens, log_det = model.network.transform(channels_last(golden["in/x"]), labels_of(golden), training=True)
        loss = 0.5 * tf.reduce_mean(tf.square(tokens)) - tf.reduce_mean(log_det) / model.num_dimensions
    np.testing.assert_allclose(loss, golden["out/training_loss"], rtol=2e-5)
    received = tarflow_state(model.network, tape.gradient(loss, model.network.trainable_variables))
    expected = part_of(golden, "grad/")
    assert received.keys() == expected.keys()
    for name, gradient in received.items():
        size = np.linalg.norm(expected[name])
        assert np.linalg.norm(gradient - expected[name]) <= 1e-3 * size + 1e-9, name


SAMPLES = {
    "out/sample": {},
    "out/sample_guidance1.5": {"guidance": 1.5},
    "out/sample_guidance1.5_annealed_temp0.8": {
        "guidance": 1.5,
        "guidance_annealing": 1.0,
        "attention_temperature": 0.8,
    },
    "out/sample_uncond_guidance1.0_temp0.8": {"guidance": 1.0, "attention_temperature": 0.8},
}


def test_samples(tarflow):
    """All that the file has."""
    golden, model = tarflow
    keys = [name for name in golden if name.startswith("out/sample")]
    assert "out/sample" in keys
    latents = tf.reshape(golden["in/latent"], [-1, model.latent_size])
    for key in keys:
        received = model.inverse(latents, labels_of(golden, "in/sample_label"), **SAMPLES[key])
        assert_near(received, channels_last(golden[key]))


def test_denoising(tarflow):
    golden, model = tarflow
    received = model.denoise(channels_last(golden["in/x"]), labels_of(golden), deviation=0.1)
    assert_near(received, channels_last(golden["out/denoised_sigma0.1"]))


def test_a_state_goes_there_and_back(tarflow):
    golden, model = tarflow
    expected = {name: array for name, array in part_of(golden, "w/").items() if not name.endswith("attn_mask")}
    received = tarflow_state(model.network)
    assert received.keys() == expected.keys()
    for name, array in received.items():
        np.testing.assert_array_equal(array, expected[name])


def test_patches_are_undone():
    images = np.random.default_rng(0).normal(size=[2, 4, 6, 3])
    np.testing.assert_array_equal(from_patches(to_patches(images, 2), 2, (4, 6, 3)), images)
