import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers.box_resampling import average_pixels, repeat_pixels

IMAGES = np.random.default_rng(0).normal(size=[2, 6, 4, 3]).astype("float32")


@pytest.mark.parametrize("compiled", [False, True])
def test_equal_numpy_in_both_orders_of_derivatives(compiled):
    repeated = IMAGES.repeat(2, axis=1).repeat(2, axis=2)
    averages = IMAGES.reshape(2, 3, 2, 2, 2, 3).mean(axis=(2, 4))

    @tf.function(jit_compile=compiled)
    def derivatives(resample, images):
        """Of sum(resample(x)^3): first, and the second times ones."""
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                outputs = resample(images)
                total = tf.reduce_sum(outputs**3)
            first = inner.gradient(total, images)
            total = tf.reduce_sum(first)
        return outputs, first, outer.gradient(total, images)

    outputs, first, second = derivatives(repeat_pixels, tf.constant(IMAGES))
    np.testing.assert_allclose(outputs, repeated)
    np.testing.assert_allclose(first, 4 * 3 * IMAGES**2, rtol=1e-5)
    np.testing.assert_allclose(second, 4 * 6 * IMAGES, rtol=1e-5)

    outputs, first, second = derivatives(average_pixels, tf.constant(IMAGES))
    spread = averages.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(outputs, averages, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(first, 0.25 * 3 * spread**2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(second, 0.25 * 6 * spread, rtol=1e-4, atol=1e-6)
