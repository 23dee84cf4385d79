"""Directions of labels and encodings: means and boundaries against NumPy, and a flow, whose encoding is exact."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.models.glow.test_glow import TINY, digit_like_images, randomized
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Encodes, HasLatents
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.latent_tools import encode_example, encode_examples, find_label_directions


class Pixels(HasLatents, Encodes, GenerativeModel):
    """Whose latents are its examples."""

    spec, latent_shape = tg.ImageSpec((1, 2, 1)), (2,)

    def encode(self, examples, labels=None, seed=None):
        return tf.reshape(examples, [-1, 2])


@pytest.fixture(scope="module")
def glow():
    return randomized(tg.Glow(**TINY))


def two_groups(spread):
    """Points in the plane: the second group lies to the right of the first, and both are `spread` high."""
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 2
    points = generator.normal(size=[400, 2]) * [0.1, spread] + labels[:, None] * [1.0, 0.5]
    return points.astype("float32").reshape(-1, 1, 2, 1), labels


def test_means_lead_from_group_to_group():
    points, labels = two_groups(spread=2.0)
    directions = find_label_directions(Pixels(), points, labels + 5)
    latents = points.reshape(-1, 2)
    means = [latents[labels == label].mean(axis=0) for label in (0, 1)]
    np.testing.assert_allclose(directions.move(means[:1], 1, directions.strengths[1])[0], means[1], atol=1e-5)
    np.testing.assert_allclose(directions.vectors[0], -directions.vectors[1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(directions.vectors, axis=1), 1.0, rtol=1e-6)


def test_the_boundary_leaves_alone_what_differs_within_groups():
    points, labels = two_groups(spread=2.0)
    (_, vector) = find_label_directions(Pixels(), points, labels, "boundary").vectors
    assert abs(vector[1]) < 0.2 < 0.4 < abs(find_label_directions(Pixels(), points, labels).vectors[1, 1])
    # The same by the normal equations among the numbers of a latent.
    centered = points.reshape(-1, 2) - points.reshape(-1, 2).mean(axis=0)
    ridge = 0.1 * (centered**2).sum() / len(points)
    expected = np.linalg.solve(centered.T @ centered + ridge * np.eye(2), centered.T @ (labels - labels.mean()))
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


@pytest.mark.parametrize("method", ["means", "boundary"])
def test_of_a_flow(glow, method):
    images, labels = digit_like_images(12), np.arange(12) % 3
    directions = find_label_directions(glow, images, labels, method)
    assert directions.vectors.shape == (3, glow.latent_size) and (directions.strengths > 0).all()
    latents = encode_examples(glow, images)
    np.testing.assert_allclose(latents, glow.encode(tg.to_float(images)), atol=1e-5)
    assert np.isfinite(glow(directions.move(latents, 2, 1.0))).all()


def test_projection_into_a_flow_is_its_encoding(glow):
    image = digit_like_images(1)[0]
    found = encode_example(glow, image)
    np.testing.assert_array_equal(found.example, image)
    assert found.latents.shape == (glow.latent_size,) and found.squared_error < 1e-6


def test_what_does_not_fit_is_refused(glow):
    images = digit_like_images(4)
    with pytest.raises(UserError, match="Directions of labels needs a model that can encode"):
        find_label_directions(tg.PixelCNN(image_shape=(8, 8, 1), blocks=1, filters=4), images, [0, 1, 0, 1])
    with pytest.raises(UserError, match="`model` must be unconditional: Glow gets the class beside the latents"):
        find_label_directions(tg.Glow(**TINY, num_classes=2), images, [0, 1, 0, 1])
    with pytest.raises(UserError, match="`labels` must be 4 integers of two or more values"):
        find_label_directions(glow, images, [1, 1, 1, 1])
    with pytest.raises(UserError, match="`label` must be the class of the example"):
        encode_example(tg.Glow(**TINY, num_classes=2), images[0])
