"""ScaledConvolution: Glow's convolution, which tells the border from the inside and scales its outputs."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.layers.convolve import convolve
from tfgan_suite.models.glow.actnorm import LOG_SCALE_FACTOR, moments_to_normalization

_BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]


@keras.saving.register_keras_serializable("tfgan_suite")
class ScaledConvolution(keras.layers.Layer):
    """`exp(3 log_scale) * (convolution + bias)`, its input with one more channel that is 1 on the padded border alone.

    With `initialize=True` bias and scale are set so that the outputs have mean 0 and deviation 1, as actnorm's.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Integer, 1 or 3. A kernel of size 1 has no border.
        zeros: Boolean. Whether all weights begin at zero, and stay there if initialized.
        seed: Integer. Seed of the initial kernel.

    Call arguments:
        inputs: Float `[batch, height, width, channels]`; the outputs are of its dtype.
        relu: Boolean. Whether negative outputs become 0.
        initialize: Boolean.

    Output shape:
        `[batch, height, width, filters]`

    Reference: Kingma and Dhariwal, "Glow" (2018), with the details of the authors' code.
    """

    def __init__(self, filters, kernel_size=3, zeros=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.zeros = zeros
        self.seed = seed

    def build(self, input_shape):
        initializer = "zeros" if self.zeros else keras.initializers.RandomNormal(stddev=0.05, seed=self.seed)
        shape = [self.kernel_size, self.kernel_size, input_shape[-1] + self.has_border, self.filters]
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=initializer, autocast=False)
        self.bias = self.add_weight(name="bias", shape=[self.filters], initializer="zeros", autocast=False)
        self.log_scale = self.add_weight(name="log_scale", shape=[self.filters], initializer="zeros", autocast=False)

    @property
    def has_border(self):
        return self.kernel_size > 1

    def call(self, inputs, relu=False, initialize=False):
        if initialize and not self.zeros:
            bias, log_scales = moments_to_normalization(self._convolve(inputs, tf.convert_to_tensor(self.kernel), None))
            self.bias.assign(bias)
            self.log_scale.assign(log_scales / LOG_SCALE_FACTOR)
        # The scale goes into the kernel, which is smaller than the images.
        scales = self.scales()
        outputs = self._convolve(inputs, self.kernel * scales, self.bias * scales)
        return tf.nn.relu(outputs) if relu else outputs

    def border_map(self, size):
        """The outputs for images of zeros of a size, float32 `[1, height, width, filters]`."""
        scales = self.scales()
        return self._border_outputs(size, self.kernel * scales) + self.bias * scales

    def scales(self):
        """The scale of each output, float32 `[filters]`."""
        return tf.exp(LOG_SCALE_FACTOR * tf.convert_to_tensor(self.log_scale))

    def _convolve(self, inputs, kernel, bias):
        kernel = tf.cast(kernel, inputs.dtype)
        bias = None if bias is None else tf.cast(bias, inputs.dtype)
        if not self.has_border:
            outputs = tf.nn.conv2d(inputs, kernel, 1, "VALID")
            return outputs if bias is None else tf.nn.bias_add(outputs, bias)
        if inputs.shape[3] < self.filters:  # To widen the inputs costs less than to add to the outputs.
            border = tf.pad(tf.zeros_like(inputs[..., :1]), _BORDER, constant_values=1)
            outputs = convolve(tf.concat([tf.pad(inputs, _BORDER), border], axis=3), kernel, padding="VALID")
            return outputs if bias is None else tf.nn.bias_add(outputs, bias)
        border = self._border_outputs(inputs.shape[1:3], kernel)
        return convolve(inputs, kernel[:, :, :-1]) + (border if bias is None else border + bias)

    def _border_outputs(self, size, kernel):
        border = np.pad(np.zeros([1, *size, 1], np.float32), _BORDER, constant_values=1.0)
        return tf.nn.conv2d(tf.cast(border, kernel.dtype), kernel[:, :, -1:], 1, "VALID")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "zeros": self.zeros,
            "seed": self.seed,
        }
