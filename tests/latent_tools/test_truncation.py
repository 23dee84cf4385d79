import numpy as np
import pytest
import tensorflow as tf

from tests.latent_tools.conftest import make_stylegan2
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.latent_tools import StyleSpace, class_centers, truncate


def test_centers_are_the_means_of_the_classes(conditional_gan):
    space = StyleSpace(conditional_gan)
    centers = class_centers(space, num_samples=50, seed=2)
    latents = space.sample_latents(50, seed=2)
    for label in range(3):
        ws = conditional_gan.ema_generator.map(tf.constant(latents), tf.fill([50], label))
        np.testing.assert_allclose(centers[label], tf.reduce_mean(ws[:, 0], axis=0), atol=1e-6)
    assert np.abs(centers[0] - centers[1]).max() > 0.1


def test_equals_the_generator_with_centers_of_its_own():
    gan = make_stylegan2(num_classes=3)
    space, labels = StyleSpace(gan), np.array([0, 1, 2, 1], np.int32)
    centers = class_centers(space, num_samples=20)
    latents = space.sample_latents(4)
    received = truncate(space.map(latents, labels), centers[labels], 0.3, cutoff=4)
    gan.ema_generator.mapping.class_averages = centers
    expected = StyleSpace(gan).map(latents, labels, truncation=0.3, truncation_cutoff=4)
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_equals_the_generator_with_its_average(gan, space):
    latents = space.sample_latents(4)
    average = np.asarray(gan.ema_generator.mapping.w_average)
    received = truncate(space.map(latents), average, 0.7)
    np.testing.assert_allclose(received, space.map(latents, truncation=0.7), atol=1e-6)


def test_ends(space):
    ws, center = space.sample(2), np.ones(8)
    np.testing.assert_allclose(truncate(ws, center, 1.0), ws, atol=1e-6)
    np.testing.assert_array_equal(truncate(ws, center, 0.0), np.ones_like(ws))


def test_needs_classes(space):
    with pytest.raises(UserError, match="conditional model"):
        class_centers(space)
