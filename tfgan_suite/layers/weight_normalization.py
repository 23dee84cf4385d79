"""WeightNormalization: base of layers whose kernels have direction and length as separate weights."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count


class WeightNormalization(keras.layers.Layer):
    """Base of the layers: a kernel of which direction and length are separate weights, and a bias.

    `kernel = gain * direction / ||direction||`, a length for each output channel.

    With `initialize=True` a call sets gain and bias so that the outputs of that batch have mean 0 and the deviation
    `initial_deviation` in each channel, and returns these outputs. That is done once, on one batch, eagerly. Channels
    without deviation lose their mean, and their gain is multiplied by `initial_deviation` alone.

    Args:
        filters: Integer >= 1. Output channels.
        kernel_size: Tuple `(height, width)`.
        use_bias: Boolean. Without one, `initialize` sets the deviation alone.
        initial_deviation: Float > 0.
        seed: Integer. Seed of the initial direction.

    Reference: Salimans and Kingma, "Weight Normalization" (2016), section 3.
    """

    def __init__(self, filters, kernel_size, *, use_bias=True, initial_deviation=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        if not is_count(filters):
            raise ValueError(f"`filters` must be an integer >= 1. Received: filters={filters!r}")
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.use_bias = use_bias
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
        if self.use_bias:
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
        outputs = self.linear(inputs)
        return outputs + tf.cast(self.bias, self.compute_dtype) if self.use_bias else outputs

    def _initialize(self, inputs):
        outputs = tf.cast(self.linear_with_border(inputs), tf.float32)
        outputs = outputs + self.bias if self.use_bias else outputs
        mean, variance = tf.nn.moments(outputs, axes=[0, 1, 2])
        # A channel that is the same everywhere, such as the row above the only row there is, has no deviation to set.
        varies = variance > 1e-10
        scale = self.initial_deviation * tf.where(varies, tf.math.rsqrt(variance + 1e-10), tf.ones_like(variance))
        self.gain.assign(self.gain * scale)
        if self.use_bias:
            self.bias.assign_sub(mean * scale)
