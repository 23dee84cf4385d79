"""WeightNormalizedConvolution: a convolution whose kernel has direction and length as separate weights."""

import keras
import tensorflow as tf

from tfgan_suite.layers.convolve import convolve
from tfgan_suite.layers.weight_normalization import WeightNormalization


@keras.saving.register_keras_serializable("tfgan_suite")
class WeightNormalizedConvolution(WeightNormalization):
    """A convolution with padding, in the dtype of its inputs.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Tuple `(height, width)`.
        **kwargs: As for `WeightNormalization`.

    Input shape:
        `[batch, height, width, channels]`

    Output shape:
        `[batch, height, width, filters]`
    """

    def linear(self, inputs):
        return convolve(inputs, tf.cast(self.kernel, inputs.dtype))

    def call(self, inputs):
        outputs = self.linear(inputs)
        return tf.nn.bias_add(outputs, tf.cast(self.bias, inputs.dtype)) if self.use_bias else outputs

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "seed": self.seed,
        }
