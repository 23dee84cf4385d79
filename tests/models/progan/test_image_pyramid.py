import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.models.progan.image_pyramid import enlarge, fade_detail, reduce


def some_images(size=8, batch_size=2):
    return np.random.default_rng(0).uniform(-1, 1, [batch_size, size, size, 3]).astype("float32")


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_reduce_is_the_mean_of_squares_and_enlarge_repeats_it(factor):
    images = some_images()
    small = reduce(images, factor)
    size = 8 // factor
    expected = images.reshape([2, size, factor, size, factor, 3]).mean(axis=(2, 4))
    np.testing.assert_allclose(small, expected, atol=1e-6)
    large = np.asarray(enlarge(small, factor))
    np.testing.assert_array_equal(large, np.kron(small, np.ones([1, factor, factor, 1])))
    np.testing.assert_allclose(reduce(large, factor), small, atol=1e-6)


@pytest.mark.parametrize("fade", [0.0, 0.25, 1.0])
def test_fade_detail(fade):
    images = some_images()
    coarse = np.kron(images.reshape([2, 4, 2, 4, 2, 3]).mean(axis=(2, 4)), np.ones([1, 2, 2, 1]))
    expected = (1 - fade) * images + fade * coarse
    np.testing.assert_allclose(fade_detail(images, fade), expected, atol=1e-6)
    np.testing.assert_allclose(fade_detail(images, tf.constant(fade)), expected, atol=1e-6)
    # What is faded is detail alone.
    np.testing.assert_allclose(reduce(fade_detail(images, fade)), reduce(images), atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_of_gradients(jit_compile):
    images = tf.constant(some_images())

    @tf.function(jit_compile=jit_compile)
    def second(images, fade):
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                score = tf.reduce_sum(fade_detail(images, fade) ** 3)
            norm = tf.reduce_sum(tf.square(inner.gradient(score, images)))
        return outer.gradient(norm, images)

    # Where nothing fades, the norm is sum (3 x^2)^2 and its derivative 36 x^3.
    np.testing.assert_allclose(second(images, tf.constant(0.0)), 36 * images**3, atol=1e-5)
    assert np.abs(second(images, tf.constant(0.5))).max() > 0


def test_refuses_sizes_that_cannot_be_halved():
    with pytest.raises(ValueError, match="multiples of 4. Received: 6x6"):
        reduce(some_images(6), 4)
    for function in (reduce, enlarge):
        with pytest.raises(ValueError, match="power of two. Received: factor=3"):
            function(some_images(6), 3)
