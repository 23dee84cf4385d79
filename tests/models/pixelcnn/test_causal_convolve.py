"""causal_convolve and seeded_dropout against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import assert_near
from tfgan_suite.layers.seeded_dropout import seeded_dropout
from tfgan_suite.models.pixelcnn.causal_convolve import causal_convolve
from tfgan_suite.models.pixelcnn.weight_normalization import CausalConvolution


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize(
    ("kernel_size", "to_left", "columns"),
    [
        ((2, 3), False, (1, 1)),
        ((2, 2), True, (1, 0)),
        ((1, 3), False, (1, 1)),
        ((2, 1), True, (0, 0)),
        ((1, 1), True, (0, 0)),
    ],
)
def test_values_and_gradients(kernel_size, to_left, columns, strides):
    generator = np.random.default_rng(0)
    images = tf.constant(generator.normal(size=[3, 6, 8, 4]), tf.float32)
    kernel = tf.constant(generator.normal(size=[*kernel_size, 4, 5]), tf.float32)
    weights = generator.normal(size=[3, 6 // strides, 8 // strides, 5]).astype("float32")
    padded = [[0, 0], [kernel_size[0] - 1, 0], columns, [0, 0]]
    results = []
    for convolve in (
        lambda images, kernel: causal_convolve(images, kernel, to_left, strides),
        lambda images, kernel: tf.nn.conv2d(tf.pad(images, padded), kernel, strides, "VALID"),
    ):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            outputs = convolve(images, kernel)
        results.append([outputs, *tape.gradient(outputs, [images, kernel], weights)])
    for ours, plain in zip(*results):
        assert_near(ours, plain, 1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    values = seeded_dropout(tf.ones([4, 50, 51]), rate, tf.constant([3, 4])).numpy()
    assert (values == 0.0).mean() == pytest.approx(rate, abs=0.02)
    assert values.mean() == pytest.approx(1.0, abs=0.05 / (1.0 - rate))
    np.testing.assert_array_equal(values[:2], seeded_dropout(tf.ones([2, 50, 51]), rate, tf.constant([3, 4])))
    assert (values[0] != values[1]).any()
    np.testing.assert_array_equal(seeded_dropout(tf.ones([2, 3]), 0.0, tf.constant([0, 0])), tf.ones([2, 3]))


def test_initialization_leaves_the_gain_of_constant_channels():
    layer = CausalConvolution(3, (2, 3), to_left=False, initial_deviation=0.5)
    inputs = np.random.default_rng(0).normal(size=[4, 6, 6, 2]).astype("float32")
    layer.build(inputs.shape)
    direction = layer.direction.numpy()
    direction[..., 1] = 0.0  # Sees nothing.
    layer.direction.assign(direction)
    outputs = layer(inputs, initialize=True).numpy()
    np.testing.assert_allclose(outputs.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.std((0, 1, 2)), [0.5, 0.0, 0.5], atol=1e-5)
    assert layer.gain.numpy()[1] == 0.5
