import numpy as np
import tensorflow as tf

from tfgan_suite.layers.activation import activate

VALUES = tf.constant([-30.0, -1.0, -0.5, 0.5, 1.0, 30.0])


def test_values():
    np.testing.assert_allclose(activate(VALUES, None), VALUES)
    np.testing.assert_allclose(activate(VALUES, None, clamp=2.0), np.clip(VALUES, -2, 2))
    np.testing.assert_allclose(activate(VALUES, "leaky_relu", clamp=4.0), [-4, -0.2, -0.1, 0.5, 1, 4], rtol=1e-6)


def test_gradients_of_two_orders():
    for wrap in (lambda f: f, tf.function, lambda f: tf.function(f, jit_compile=True)):

        @wrap
        def gradients(values):
            with tf.GradientTape() as outer:
                outer.watch(values)
                with tf.GradientTape() as inner:
                    inner.watch(values)
                    outputs = tf.square(activate(values, "leaky_relu", clamp=4.0))
                first = inner.gradient(outputs, values)
            return first, outer.gradient(first, values)

        first, second = gradients(VALUES)
        np.testing.assert_allclose(first, [0, -0.08, -0.04, 1, 2, 0], rtol=1e-5)
        np.testing.assert_allclose(second, [0, 0.08, 0.08, 2, 2, 0], rtol=1e-5)
