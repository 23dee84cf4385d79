"""ProGAN's convolutions that double or halve the image size in the same step."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.layers.activation import activate, check_activation
from tfgan_suite.layers.convolve import convolve, convolve_transpose, size_of
from tfgan_suite.layers.wrap_padding import check_padding, wrap_pad


class _FusedConvolution(keras.layers.Layer):
    """The kernel, bias, and equalized learning rate that both layers share."""

    def __init__(self, filters, kernel_size=3, gain=1.0, activation=None, seed=0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        check_activation(activation)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be an odd number >= 1. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.gain = gain
        self.activation = activation
        self.seed = seed

    def _kernel_channels(self, in_channels):
        raise NotImplementedError

    def build(self, input_shape):
        in_channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            autocast=False,
            shape=[self.kernel_size, self.kernel_size, *self._kernel_channels(in_channels)],
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
        )
        self.bias = self.add_weight(name="bias", autocast=False, shape=[self.filters], initializer="zeros")
        self.scale = self.gain * (self.kernel_size**2 * in_channels) ** -0.5

    def _finish(self, outputs):
        return activate(tf.nn.bias_add(outputs, tf.cast(self.bias, self.compute_dtype)), self.activation)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "gain": self.gain,
            "activation": self.activation,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("tfgan_suite")
class FusedUpscaleConvolution(_FusedConvolution):
    """Repeats each pixel 2x2 and convolves, as a single transposed convolution with stride 2.

    The kernel is that of a transposed convolution, `[kernel_size, kernel_size, filters, in_channels]`. The result
    equals repeating the pixels and then convolving with the kernel flipped in both directions.

    The learning rate is equalized: the kernel is initialized from N(0, 1) and multiplied by
    `gain / sqrt(kernel_size^2 in_channels)` in every call, so Adam updates all layers at the same relative rate.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Odd integer >= 1. Height and width of the kernel.
        gain: Float. Scales the weights; use `sqrt(2)` before a rectifier (He et al., 2015).
        activation: String or `None`. `"leaky_relu"` (negative slope 0.2), or `None` for no activation.
        seed: Integer. Seed of the kernel's initial values.
        padding: String, one of `"zeros"` or `"wrap"`. What lies beyond the edges: zeros, or the opposite edge.

    Input shape:
        `[batch, height, width, in_channels]`.

    Output shape:
        `[batch, 2 * height, 2 * width, filters]`.

    Example:

    >>> FusedUpscaleConvolution(5)(np.zeros([2, 4, 4, 3], "float32")).shape
    TensorShape([2, 8, 8, 5])

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    section 4.1 (equalized learning rate) and figure 2 (doubling by nearest-neighbor filtering).
    """

    def __init__(self, filters, kernel_size=3, gain=1.0, activation=None, seed=0, padding="zeros", **kwargs):
        super().__init__(filters, kernel_size, gain, activation, seed, **kwargs)
        check_padding(padding)
        self.padding = padding

    def _kernel_channels(self, in_channels):
        return [self.filters, in_channels]

    def call(self, inputs):
        kernel = tf.cast(sum_of_shifts(self.kernel, self.scale), self.compute_dtype)
        # The zeros beyond the margin corrupt kernel_size // 2 pixels at each edge, which are cropped with the margin.
        margin = (self.kernel_size // 2 + 1) // 2 if self.padding == "wrap" else 0
        inputs = wrap_pad(tf.cast(inputs, self.compute_dtype), margin)
        output_size = [2 * extent for extent in size_of(inputs)]
        outputs = convolve_transpose(inputs, kernel, output_size, strides=2)
        return self._finish(outputs[:, 2 * margin : -2 * margin, 2 * margin : -2 * margin] if margin else outputs)

    def compute_output_shape(self, input_shape):
        batch_size, height, width, _ = input_shape
        return (batch_size, 2 * height, 2 * width, self.filters)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("tfgan_suite")
class FusedDownscaleConvolution(_FusedConvolution):
    """Convolves and averages blocks of 2x2 pixels, as a single convolution with stride 2.

    The learning rate is equalized: the kernel, of shape `[kernel_size, kernel_size, in_channels, filters]`, is
    initialized from N(0, 1) and multiplied by `gain / sqrt(kernel_size^2 in_channels)` in every call, so Adam updates
    all layers at the same relative rate.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Odd integer >= 1. Height and width of the kernel.
        gain: Float. Scales the weights; use `sqrt(2)` before a rectifier (He et al., 2015).
        activation: String or `None`. `"leaky_relu"` (negative slope 0.2), or `None` for no activation.
        seed: Integer. Seed of the kernel's initial values.

    Input shape:
        `[batch, height, width, in_channels]`, with an even height and width.

    Output shape:
        `[batch, height / 2, width / 2, filters]`.

    Example:

    >>> FusedDownscaleConvolution(5)(np.zeros([2, 8, 8, 3], "float32")).shape
    TensorShape([2, 4, 4, 5])

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    section 4.1 (equalized learning rate) and figure 2 (halving by average pooling).
    """

    def _kernel_channels(self, in_channels):
        return [in_channels, self.filters]

    def call(self, inputs):
        if inputs.shape[1] % 2 or inputs.shape[2] % 2:
            raise ValueError(
                f"`inputs` must have an even height and width. Received: inputs of size {tuple(inputs.shape[1:3])}"
            )
        kernel = tf.cast(sum_of_shifts(self.kernel, 0.25 * self.scale), self.compute_dtype)
        return self._finish(convolve(tf.cast(inputs, self.compute_dtype), kernel, strides=2))

    def compute_output_shape(self, input_shape):
        batch_size, height, width, _ = input_shape
        return (batch_size, height // 2, width // 2, self.filters)


def sum_of_shifts(kernel, factor=1.0):
    """Convolves a kernel with a 2x2 box of ones: the sum of four copies of the kernel, each shifted by one pixel.

    Repeating pixels before a convolution, or summing them after it, is a convolution with such a box. A 3x3 kernel at
    double size is therefore a 4x4 kernel with stride 2, which takes 16/36 of the multiplications.

    Args:
        kernel: A tensor of shape `[height, width, a, b]`.
        factor: Float. Multiplies the result.

    Returns:
        A tensor of shape `[height + 1, width + 1, a, b]`.

    Example:

    >>> sum_of_shifts(tf.ones([3, 3, 1, 1]))[..., 0, 0].numpy().astype(int).tolist()
    [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
    """
    kernel = tf.convert_to_tensor(kernel)
    height, width, *channels = kernel.shape
    # A single matrix product: the gradients of four shifted slices would take four paddings and a sum.
    shifts = factor * np.kron(_shifts(height), _shifts(width))  # [(height + 1) * (width + 1), height * width]
    summed = tf.matmul(tf.constant(shifts, kernel.dtype), tf.reshape(kernel, [height * width, -1]))
    return tf.reshape(summed, [height + 1, width + 1, *channels])


def _shifts(size):
    """`[size + 1, size]`, with ones where a tap, or its copy shifted by one pixel, ends up."""
    return np.eye(size + 1, size) + np.eye(size + 1, size, k=-1)
