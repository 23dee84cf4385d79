"""Functions whose usual forms overflow, or that exported files cannot hold, written so that neither happens."""

import math

import tensorflow as tf


def softplus(values):
    """`log(1 + exp(values))`. TensorFlow's own overflows in LiteRT, and ONNX Runtime has no `log1p`."""
    return tf.maximum(values, 0.0) + tf.math.log(1.0 + tf.exp(-tf.abs(values)))


def log_sum_exp(values, axis=-1):
    """`log(sum(exp(values)))` along an axis."""
    largest = tf.stop_gradient(tf.reduce_max(values, axis=axis, keepdims=True))
    return tf.math.log(tf.reduce_sum(tf.exp(values - largest), axis=axis)) + tf.squeeze(largest, axis)


def log_of_one_minus_exp(values):
    """`log(1 - exp(-values))` of values > 0. ONNX Runtime has no `expm1`; small values take four terms of its series."""
    small = values < 0.05
    near = tf.where(small, values, 0.05)
    series = near * (1.0 - near / 2.0 * (1.0 - near / 3.0 * (1.0 - near / 4.0)))
    return tf.math.log(tf.where(small, series, 1.0 - tf.exp(-tf.where(small, 0.05, values))))


def normal_probability(values):
    """The probability that a standard normal number is below each value, to 1e-7. LiteRT has no error function.

    Reference: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.2.17.
    """
    share = 1.0 / (1.0 + 0.2316419 * tf.abs(values))
    series = tf.zeros_like(values)
    for factor in (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = share * (factor + series)
    tail = math.sqrt(0.5 / math.pi) * tf.exp(-0.5 * tf.square(values)) * series
    return tf.where(values < 0.0, tail, 1.0 - tail)


def softly_bounded(values, bound):
    """Values near 0 as they are, and all of them within the bound."""
    return bound * tf.tanh(values / bound)
