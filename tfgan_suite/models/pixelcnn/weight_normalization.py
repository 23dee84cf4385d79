"""Layers of PixelCNN++ with normalized weights: convolutions that see no pixel to come, and their transposes."""

import keras
import tensorflow as tf

from tfgan_suite.layers.weight_normalization import WeightNormalization
from tfgan_suite.models.pixelcnn.causal_convolve import causal_convolve


@keras.saving.register_keras_serializable("tfgan_suite")
class CausalConvolution(WeightNormalization):
    """A convolution of a pixel with those above it, and beside it to the left or on both sides.

    The last row of the kernel is the pixel's own row, and with `to_left` its last column the pixel's own column; else its
    middle column is.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Tuple `(height, width)`.
        to_left: Boolean. Whether nothing to the right of a pixel is seen.
        strides: Integer >= 1.
        **kwargs: As for `WeightNormalization`.

    Input shape:
        `[batch, height, width, channels]`

    Output shape:
        `[batch, height / strides, width / strides, filters]`
    """

    def __init__(self, filters, kernel_size, to_left, strides=1, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.to_left = to_left
        self.strides = strides

    def linear(self, inputs):
        kernel = tf.cast(self.kernel, self.compute_dtype)
        return causal_convolve(tf.cast(inputs, self.compute_dtype), kernel, self.to_left, self.strides)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "to_left": self.to_left,
            "strides": self.strides,
            "initial_deviation": self.initial_deviation,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("tfgan_suite")
class CausalTransposedConvolution(WeightNormalization):
    """Images of twice the size, each pixel of which depends on no pixel that comes after it.

    A pixel of the input is one at the even position of the output in each direction. With a kernel of two columns it
    goes into its own four pixels of the output; with three, into one more to the left.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Tuple, `(2, 2)` or `(2, 3)`.
        **kwargs: As for `WeightNormalization`.

    Input shape:
        `[batch, height, width, channels]`

    Output shape:
        `[batch, 2 * height, 2 * width, filters]`
    """

    norm_axes, filters_axis = (0, 1, 3), 2

    def kernel_shape(self, in_channels):
        return (*self.kernel_size, self.filters, in_channels)

    def linear(self, inputs):
        """One product of matrices and a rearrangement: a position of the input makes its four of the output."""
        inputs = tf.cast(inputs, self.compute_dtype)
        products = tf.nn.conv2d(self.with_neighbor(inputs), self.kernel_of_quads(), 1, "VALID")
        return tf.nn.depth_to_space(products, 2)

    def with_neighbor(self, inputs):
        """The channels of each position, and for three columns those of the one to its right as well."""
        if self.kernel_size[1] == 2:
            return inputs
        return tf.concat([inputs, tf.pad(inputs[:, :, 1:], [[0, 0], [0, 0], [0, 1], [0, 0]])], axis=-1)

    def kernel_of_quads(self):
        """`[1, 1, channels, 4 * filters]` of `with_neighbor`: upper left, upper right, lower left, lower right."""
        kernel = tf.transpose(
            tf.cast(self.kernel, self.compute_dtype), [0, 1, 3, 2]
        )  # rows, columns, channels, filters
        if self.kernel_size[1] == 2:
            quads = [kernel[row, column] for row in (0, 1) for column in (0, 1)]
        else:
            nothing = tf.zeros_like(kernel[0, 0])
            columns = [(kernel[row, 1], kernel[row, 2], kernel[row, 0]) for row in (0, 1)]
            quads = [
                tf.concat(pair, axis=0)
                for even, odd, next_odd in columns
                for pair in ((even, nothing), (odd, next_odd))
            ]
        return tf.concat(quads, axis=-1)[None, None]

    def linear_with_border(self, inputs):
        batch, height, width, _ = inputs.shape
        size = [2 * height + self.kernel_size[0] - 1, 2 * width + self.kernel_size[1] - 1]
        return tf.nn.conv2d_transpose(
            tf.cast(inputs, tf.float32), self.kernel, [batch, *size, self.filters], 2, "VALID"
        )

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "initial_deviation": self.initial_deviation,
            "seed": self.seed,
        }
