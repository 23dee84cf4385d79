import numpy as np
import tensorflow as tf

from tfgan_suite.adversarial.augment import geometric, matrices


def penalty_gradient(images):
    """What a lazy gradient penalty on images seen through a warp takes."""
    return tf.cond(images[0, 0, 0, 0] < 1.0, lambda: second_derivative(images), lambda: images)


def second_derivative(images):
    shift, angle = tf.constant([0.3, 1.2]), tf.constant([0.5, -0.2])
    positions = matrices.multiply(matrices.translation(shift, -shift), matrices.rotation(angle))
    with tf.GradientTape() as tape:
        tape.watch(images)
        with tf.GradientTape() as inner:
            inner.watch(images)
            total = tf.reduce_sum(geometric.warp(images, positions) ** 3)
        penalty = tf.reduce_sum(inner.gradient(total, images) ** 2)
    return tape.gradient(penalty, images)


def test_second_derivatives_within_what_is_compiled():
    """XLA must know all shapes: a compiled function within would take them as arguments."""
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, [2, 6, 6, 1]).astype("float32"))
    compiled = tf.function(penalty_gradient, autograph=False, jit_compile=True)(images)
    plain = tf.function(penalty_gradient, autograph=False)(images)
    assert np.abs(plain).max() > 1
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max())
