"""The convolution layers are Keras's with another way to compute."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.layers.transposed_convolution import TransposedConvolution


def random_images(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [8, 16])
def test_convolution_is_kerass(size):
    config = {"filters": 5, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "tanh"}
    ours, theirs = Convolution(**config), keras.layers.Conv2D(**config)
    images = random_images([2, size, size, 3])
    ours(images), theirs(images)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-6)
    run_layer_test(Convolution, config, images, (2, size // 2, size // 2, 5))


@pytest.mark.parametrize("size, strides", [(4, 1), (8, 2)])
def test_groups_are_a_block_diagonal_kernel(size, strides):
    """With the gradient of a gradient of all of it, as penalties need it: TensorFlow's own has none on every machine."""
    images, kernel = random_images([2, size, size, 6]), random_images([3, 3, 2, 9], seed=1)
    layer = Convolution(9, 3, strides=strides, padding="same", groups=3, use_bias=False)
    layer.build(images.shape)

    def grouped(images, kernel):
        return layer.convolution_op(images, kernel)

    def dense(images, kernel):
        own_group = np.kron(np.eye(3), np.ones([2, 3])).astype("float32")  # [6, 9]
        return tf.nn.conv2d(images, tf.tile(kernel, [1, 1, 3, 1]) * own_group, strides, "SAME")

    results = []
    for function in (grouped, dense):
        values, weights = tf.constant(images), tf.constant(kernel)
        with tf.GradientTape() as outer:
            outer.watch([values, weights])
            with tf.GradientTape() as inner:
                inner.watch(values)
                total = tf.reduce_sum(tf.tanh(function(values, weights)))
            norm = tf.reduce_sum(tf.square(inner.gradient(total, values)))
        results.append((norm, *outer.gradient(norm, [values, weights])))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer(images), dense(images, layer.kernel.value), atol=1e-5)


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("use_bias", [False, True])
def test_transposed_convolution_is_kerass(size, use_bias):
    config = {"filters": 5, "kernel_size": 4, "strides": 2, "use_bias": use_bias, "activation": "tanh"}
    ours, theirs = TransposedConvolution(**config), keras.layers.Conv2DTranspose(**config, padding="same")
    images = random_images([2, size, size, 3])
    ours(images), theirs(images)
    weights = [random_images(weight.shape, i) for i, weight in enumerate(theirs.get_weights())]
    ours.set_weights(weights), theirs.set_weights(weights)
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-5)
    run_layer_test(TransposedConvolution, config, images, (2, 2 * size, 2 * size, 5))


def test_what_they_lack_is_refused():
    with pytest.raises(ValueError, match="`dilation_rate` must be 1.*dilation_rate=\\(2, 2\\)"):
        Convolution(4, 3, dilation_rate=2)(random_images([1, 8, 8, 3]))
    with pytest.raises(ValueError, match="`padding` must be 'same'.*Received: padding='valid'"):
        TransposedConvolution(4, 3, padding="valid")
