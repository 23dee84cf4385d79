import numpy as np
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.pixel_normalization import PixelNormalization

IMAGES = np.random.default_rng(0).normal(2.0, 3.0, [6, 5, 4, 3]).astype("float32")


def test_contract():
    run_layer_test(PixelNormalization, {"epsilon": 1e-6}, tf.constant(IMAGES), IMAGES.shape)


def test_mean_square_is_one():
    outputs = PixelNormalization()(IMAGES)
    np.testing.assert_allclose(np.mean(np.square(outputs), axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(outputs * np.sqrt(np.mean(IMAGES**2, axis=-1, keepdims=True)), IMAGES, rtol=1e-4)


def test_zeros_stay_zeros():
    np.testing.assert_array_equal(PixelNormalization()(np.zeros([2, 4], "float32")), 0.0)
