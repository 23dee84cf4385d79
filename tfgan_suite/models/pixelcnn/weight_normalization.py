"""Layers of PixelCNN++ with normalized weights: convolutions that see no pixel to come, and their transposes."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.models.pixelcnn.causal_convolve import causal_convolve


class WeightNormalization(keras.layers.Layer):
    """Base of the layers: a kernel of which direction and length are separate weights, and a bias.

    `kernel = gain * direction / ||direction||`, a length for each output channel.

    With `initialize=True` a call sets gain and bias so that the outputs of that batch have mean 0 and the deviation
    `initial_deviation` in each channel, and returns these outputs. That is done once, on one batch, eagerly. Channels
    without deviation lose their mean, and their gain is multiplied by `initial_deviation` alone.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Tuple `(height, width)`.
        initial_deviation: Float > 0.
        seed: Integer. Seed of the initial direction.

    Reference: Salimans and Kingma, "Weight Normalization" (2016), section 3.
    """

    def __init__(self, filters, kernel_size, *, initial_deviation=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        if not is_count(filters):
            raise ValueError(f"`filters` must be an integer >= 1. Received: filters={filters!r}")
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.initial_deviation = initial_deviation
        self.seed = seed

    # The axes of the kernel whose sum of squares is 1 for each filter, and that of the filters.
    norm_axes, filters_axis = (0, 1, 2), 3

    def kernel_shape(self, in_channels):
        return (*self.kernel_size, in_channels, self.filters)

    def build(self, input_shape):
        # Normalized in float32 in reduced precision too.
        options = {"autocast": False}
        self.direction = self.add_weight(
            name="direction",
            shape=self.kernel_shape(input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.05, seed=self.seed),
            **options,
        )
        self.gain = self.add_weight(name="gain", shape=[self.filters], initializer="ones", **options)
        self.bias = self.add_weight(name="bias", shape=[self.filters], initializer="zeros", **options)

    @property
    def kernel(self):
        """The normalized kernel, float32 of the shape of `direction`."""
        direction, gain = (tf.convert_to_tensor(one) for one in (self.direction, self.gain))
        squares = tf.reduce_sum(tf.square(direction), axis=self.norm_axes, keepdims=True)
        shape = [self.filters if axis == self.filters_axis else 1 for axis in range(4)]
        return direction * (tf.reshape(gain, shape) * tf.math.rsqrt(tf.maximum(squares, 1e-12)))

    def linear(self, inputs):
        """The layer without its bias."""
        raise NotImplementedError

    def linear_with_border(self, inputs):
        """The same with all that the sum over the kernel reaches, of which the moments are taken."""
        return self.linear(inputs)

    def call(self, inputs, initialize=False):
        if initialize:
            self._initialize(inputs)
        return self.linear(inputs) + tf.cast(self.bias, self.compute_dtype)

    def _initialize(self, inputs):
        outputs = tf.cast(self.linear_with_border(inputs), tf.float32) + self.bias
        mean, variance = tf.nn.moments(outputs, axes=[0, 1, 2])
        # A channel that is the same everywhere, such as the row above the only row there is, has no deviation to set.
        varies = variance > 1e-10
        scale = self.initial_deviation * tf.where(varies, tf.math.rsqrt(variance + 1e-10), tf.ones_like(variance))
        self.gain.assign(self.gain * scale)
        self.bias.assign_sub(mean * scale)


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
