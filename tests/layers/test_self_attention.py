import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.self_attention import SelfAttention

IMAGES = np.random.default_rng(0).normal(size=[2, 4, 6, 16]).astype("float32")


def test_equals_numpy_pixel_by_pixel():
    layer = SelfAttention(seed=1)
    np.testing.assert_array_equal(layer(IMAGES), IMAGES)  # gamma starts as zero
    layer.gamma.assign(0.7)
    theta, phi, g, o = (
        np.asarray(part.normalized_kernel(), np.float64)[0, 0] for part in (layer.theta, layer.phi, layer.g, layer.o)
    )
    expected = np.empty(IMAGES.shape)
    for n, image in enumerate(IMAGES.astype(np.float64)):
        keys = (image @ phi).reshape(2, 2, 3, 2, 2).max(axis=(1, 3)).reshape(6, 2)
        values = (image @ g).reshape(2, 2, 3, 2, 8).max(axis=(1, 3)).reshape(6, 8)
        for position in np.ndindex(4, 6):
            scores = np.exp(keys @ (image[position] @ theta))
            mixture = scores / scores.sum() @ values
            expected[n][position] = image[position] + 0.7 * mixture @ o
    np.testing.assert_allclose(layer(IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_contract():
    class Opened(SelfAttention):
        """With a gamma that lets gradients through."""

        def build(self, input_shape):
            super().build(input_shape)
            self.gamma.assign(0.5)

    run_layer_test(Opened, {"seed": 2}, tf.constant(IMAGES), IMAGES.shape)


def test_refuses_few_channels():
    with pytest.raises(ValueError, match="at least 8 channels"):
        SelfAttention()(np.zeros([1, 4, 4, 4], "float32"))
