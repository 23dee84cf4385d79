"""StoredNormalization: mean and variance of the first batch, kept as state."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class StoredNormalization(keras.layers.Layer):
    """`gain * (x - mean) / sqrt(variance + 1e-5) + bias` for each channel, with the moments of one batch for good.

    It takes the place of batch normalization, whose moments differ between training and evaluation, and which two replicas
    would have to exchange. The weights of a trained batch normalization fit.

    Call arguments:
        features: Float `[batch, height, width, channels]`; the outputs are of its dtype.
        initialize: Boolean. Whether the moments are set from these features, eagerly.

    Example:

    >>> features = tf.random.stateless_uniform([8, 4, 4, 2], [0, 0])
    >>> outputs = StoredNormalization()(features, initialize=True)
    >>> bool(tf.reduce_max(tf.abs(tf.reduce_mean(outputs, axis=[0, 1, 2]))) < 1e-5)
    True
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        for name, initializer, trainable in (
            ("gain", "ones", True),
            ("bias", "zeros", True),
            ("mean", "zeros", False),
            ("variance", "ones", False),
        ):
            weight = self.add_weight(
                name=name, shape=[channels], initializer=initializer, trainable=trainable, autocast=False
            )
            setattr(self, name, weight)

    def call(self, features, initialize=False):
        if initialize:
            mean, variance = tf.nn.moments(tf.cast(features, tf.float32), axes=[0, 1, 2])
            self.mean.assign(mean)
            self.variance.assign(variance)
        scale = self.gain * tf.math.rsqrt(self.variance + 1e-5)
        bias = self.bias - self.mean * scale
        return features * tf.cast(scale, features.dtype) + tf.cast(bias, features.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
