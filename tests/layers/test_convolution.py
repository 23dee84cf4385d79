"""The convolution layers are Keras's with another way to compute."""

import keras
import numpy as np
import pytest

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
