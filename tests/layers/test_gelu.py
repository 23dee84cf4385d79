"""gelu: values and two derivatives against TensorFlow's own."""

import tensorflow as tf

from tests.golden_vectors import assert_near
from tfgan_suite.layers.gelu import fused_gelu, gelu


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


def test_the_fused_form_equals_it():
    values, upstream = tf.linspace(-6.0, 6.0, 101), tf.linspace(-1.0, 2.0, 101)
    results = []
    for function in (gelu, fused_gelu):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = function(values)
        results.append([outputs, tape.gradient(outputs, values, upstream)])
    for plain, fused in zip(*results):
        assert_near(fused, plain, 1e-5)
