"""TarFlow's ways to sample: with caches, and many tokens at a time, against a pass of the network for each token."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.models.tarflow.naive_sampling import invert_naively
from tests.models.tarflow.test_tarflow import TINY, randomized
from tfgan_suite.engine.update import StepBatch
from tfgan_suite.models.tarflow.patches import from_patches

# 16 tokens, one block of the cache; and 64, of which the last block of 63 steps is not full.
SHAPES = {"one block": {}, "several blocks": {"patch_size": 1}}


def make(shape, num_classes=None):
    return randomized(tg.TarFlow(**{**TINY, **SHAPES[shape]}, num_classes=num_classes), 0.1)


@pytest.mark.parametrize("shape", [pytest.param("one block", marks=pytest.mark.slow), "several blocks"])
def test_all_ways_to_sample_agree(shape):
    model = make(shape, num_classes=3)
    network, labels = model.ema_network, tf.constant([0, 2, 1])
    latents = model.sample_latents(3, tf.constant([0, 1]))
    tokens = tf.function(lambda: invert_naively(network, latents, labels))()
    naive = from_patches(tokens, model.architecture["patch_size"], model.image_shape)
    size = np.abs(naive).max()
    cached = tf.function(lambda: network.inverse(latents, labels))()
    np.testing.assert_allclose(cached, naive, atol=1e-4 * size)
    for tolerance, error in ((1e-6, 1e-4), (1e-3, 2e-2)):
        iterated, passes = tf.function(network.inverse_and_passes)(latents, labels, tolerance)
        np.testing.assert_allclose(iterated, naive, atol=error * size)
        assert (passes.numpy() > 0).all() and (passes.numpy() < model.ema_network.token_shape[0]).all()


def test_a_tolerance_of_nothing_makes_every_pass():
    model = make("one block")
    latents = model.sample_latents(2, tf.constant([0, 1]))
    iterated, passes = model.ema_network.inverse_and_passes(latents, None, 1e-30)
    np.testing.assert_allclose(iterated, model.inverse(latents), atol=1e-5 * np.abs(iterated).max())
    assert (passes.numpy() <= 15).all() and passes.numpy().max() > 8
    np.testing.assert_array_equal(model.jacobi_passes(latents, None, 1e-30), passes)
    assert model.jacobi_passes(latents, None, 1e-2).sum() < passes.numpy().sum()


def test_an_image_does_not_depend_on_the_others():
    model = make("one block")
    latents = model.sample_latents(4, tf.constant([0, 1])) * tf.constant([[0.1], [1.0], [2.0], [0.5]])
    together = model.inverse(latents, jacobi_tolerance=0.01)
    for index in range(4):
        alone = model.inverse(latents[index : index + 1], jacobi_tolerance=0.01)
        np.testing.assert_allclose(together[index : index + 1], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"guidance": 1.5}, {"guidance": 2.0, "guidance_annealing": 1.0}])
def test_guidance_of_both_ways_to_sample(options):
    model = make("one block", num_classes=3)
    labels, latents = tf.constant([0, 2, 1]), model.sample_latents(3, tf.constant([0, 1]))
    plain, guided = model.inverse(latents, labels), model.inverse(latents, labels, **options)
    assert np.abs(guided - plain).max() > 1e-2
    iterated = model.inverse(latents, labels, **options, jacobi_tolerance=1e-6)
    np.testing.assert_allclose(iterated, guided, atol=1e-4 * np.abs(guided).max())
    # Numbers that only the graph knows, one for each image; none is none.
    tensors = {name: tf.constant([value, 0.0, value]) for name, value in options.items()}
    of_each = model.inverse(latents, labels, **tensors, jacobi_tolerance=tf.constant(0.0))
    np.testing.assert_allclose(of_each, tf.where([[[[True]]], [[[False]]], [[[True]]]], guided, plain), atol=1e-5)
    none = model.inverse(latents, labels, guidance=tf.constant(0.0), jacobi_tolerance=tf.constant(0.0))
    np.testing.assert_allclose(none, plain, atol=1e-6)


def test_the_temperature_of_attention_guides_without_classes():
    model = make("one block")
    latents = model.sample_latents(2, tf.constant([0, 1]))
    plain = model.inverse(latents)
    np.testing.assert_allclose(model.inverse(latents, guidance=3.0), plain, atol=1e-4)
    assert np.abs(model.inverse(latents, guidance=3.0, attention_temperature=2.0) - plain).max() > 1e-3


def test_denoising_is_exact_for_a_normal_density():
    """Of normal data the score is linear, so that the denoised image is the mean of the posterior."""
    model = tg.TarFlow(**TINY, noise_deviation=0.6)  # New: the density is standard normal.
    values = tf.constant(np.random.default_rng(0).normal(size=[3, 8, 8, 1]), tf.float32)
    np.testing.assert_allclose(model.denoise(values), (1.0 - 0.6**2) * values, rtol=1e-5)
    latents = model.encode(tf.clip_by_value(values, -1.0, 1.0))
    images = [model(latents, denoising=share) for share in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(images[1], 0.5 * (images[0] + images[2]), atol=1e-5)
    np.testing.assert_array_equal(images[0], model.decode(latents))
    with pytest.raises(ValueError, match="`deviation` must be given"):
        tg.TarFlow(**TINY).denoise(values)


def test_gaussian_noise_and_label_dropout_in_training():
    model = tg.TarFlow(**TINY, noise_deviation=0.5, num_classes=3)
    model.compile(label_dropout=0.5)

    class Seen:
        def __init__(self):
            self.values, self.labels = [], []

        def __call__(self, values, labels, training):
            self.values.append(values.numpy())
            self.labels.append(labels.numpy())
            return tf.zeros([len(values), 64]), tf.zeros([len(values)])

    seen = Seen()
    object.__setattr__(model, "normal_values", seen)
    images = tf.zeros([400, 8, 8, 1]) + 1.0 / 255.0  # Level 128.
    for training in (True, False):
        batch = StepBatch(images, tf.fill([400], 2), tf.constant([0, 1]), None, {}, training=training)
        assert not model.objective(batch).logs
    noise = seen.values[0] - (2.0 * 128.5 / 256.0 - 1.0)
    assert abs(noise.std() - 0.5) < 0.01 and abs(noise.mean()) < 0.01
    assert 0.4 < np.mean(seen.labels[0] == -1) < 0.6 and set(seen.labels[0]) == {-1, 2}
    assert set(seen.labels[1]) == {2}
