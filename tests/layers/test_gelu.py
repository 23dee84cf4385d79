"""gelu: values and two derivatives against TensorFlow's own."""

import tensorflow as tf

from tests.golden_vectors import assert_near
from tfgan_suite.layers.gelu import gelu


def test_values_and_derivatives():
    values = tf.linspace(-6.0, 6.0, 101)
    results = []
    for function in (gelu, lambda values: tf.nn.gelu(values, approximate=False)):
        with tf.GradientTape() as outer:
            outer.watch(values)
            with tf.GradientTape() as inner:
                inner.watch(values)
                outputs = function(values)
            first = inner.gradient(outputs, values, 1.0 + values)
        results.append([outputs, first, outer.gradient(first, values)])
    for ours, plain in zip(*results):
        assert_near(ours, plain, 1e-5)
