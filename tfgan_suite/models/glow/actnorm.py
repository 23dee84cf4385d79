"""ActNorm: a scale and a bias for each channel, set from the first batch."""

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softly_bounded
from tfgan_suite.models.glow.flow_layer import (
    LARGEST_LOG_SCALE,
    FlowLayer,
    before_bound,
    num_pixels,
)

# The logarithm of a scale is three times the weight, which so learns three times as fast.
LOG_SCALE_FACTOR = 3.0


@keras.saving.register_keras_serializable("tfgan_suite")
class ActNorm(FlowLayer):
    """`exp(log_scale) * (x + bias)` for each channel, so that the first batch has mean 0 and deviation 1.

    Args:
        bounded: Boolean. Whether the logarithm of the scale keeps within 8.

    Input shape:
        `[batch, height, width, channels]`

    Example: nothing changes before data were seen.

    >>> images = tf.random.stateless_uniform([2, 4, 4, 3], [0, 0])
    >>> layer = ActNorm()
    >>> bool(tf.reduce_all(layer(images) == images))
    True
    >>> outputs, log_det = layer.forward(images, initialize=True)
    >>> bool(abs(tf.math.reduce_std(outputs) - 1.0) < 1e-3)
    True

    Reference: Kingma and Dhariwal, "Glow" (2018), section 3.1.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.bias = self.add_weight(name="bias", shape=[channels], initializer="zeros", autocast=False)
        self.log_scale = self.add_weight(name="log_scale", shape=[channels], initializer="zeros", autocast=False)

    def log_scales(self):
        """The logarithm of each channel's scale, float32 `[channels]`."""
        log_scales = LOG_SCALE_FACTOR * tf.convert_to_tensor(self.log_scale)
        return softly_bounded(log_scales, LARGEST_LOG_SCALE) if self.bounded else log_scales

    def forward(self, images, training=False, initialize=False):
        if initialize:
            self._initialize(images)
        log_scales = self.log_scales()
        return (images + self.bias) * tf.exp(log_scales), num_pixels(images) * tf.reduce_sum(log_scales)

    def inverse(self, images):
        return images * tf.exp(-self.log_scales()) - self.bias

    def _initialize(self, images):
        bias, log_scales = moments_to_normalization(images)
        if self.bounded:
            log_scales = before_bound(log_scales, LARGEST_LOG_SCALE)
        self.bias.assign(bias)
        self.log_scale.assign(log_scales / LOG_SCALE_FACTOR)


def moments_to_normalization(values):
    """The bias and the logarithm of the scale that give each channel mean 0 and deviation 1, both float32 `[channels]`."""
    values = tf.cast(values, tf.float32)
    bias = -tf.reduce_mean(values, axis=[0, 1, 2])
    deviations = tf.sqrt(tf.reduce_mean(tf.square(values + bias), axis=[0, 1, 2]))
    return bias, -tf.math.log(deviations + 1e-6)
