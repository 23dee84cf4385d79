"""Normalization: layer normalization in the dtype of its inputs, with a gradient of few passes over memory."""

import keras
import tensorflow as tf

_EPSILON = 1e-5


@keras.saving.register_keras_serializable("tfgan_suite")
class Normalization(keras.layers.Layer):
    """`gain * (x - mean) / sqrt(variance + 1e-5) + bias`, mean and variance over the last axis, computed in float32.

    Input shape:
        `[..., size]`; the outputs are of the same shape and dtype.

    Reference: Ba et al., "Layer Normalization" (2016), section 3.
    """

    def build(self, input_shape):
        shape = [input_shape[-1]]
        self.gain = self.add_weight(name="gain", shape=shape, initializer="ones", autocast=False)
        self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros", autocast=False)

    def call(self, inputs):
        values = _standardize(tf.cast(inputs, tf.float32)) * self.gain + self.bias
        return tf.cast(values, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


@tf.custom_gradient
def _standardize(values):
    """Mean 0 and variance 1 along the last axis."""
    centered = values - tf.reduce_mean(values, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True) + _EPSILON)
    outputs = centered * scale

    def gradient(upstream):
        along = tf.reduce_mean(upstream * outputs, axis=-1, keepdims=True)
        mean = tf.reduce_mean(upstream, axis=-1, keepdims=True)
        return scale * (upstream - mean - outputs * along)

    return outputs, gradient
