"""StyleGAN2's convolution: a style scales its inputs, and its outputs are rescaled to unit variance."""

import keras
import tensorflow as tf

from tfgan_suite.layers.activation import activate, check_activation
from tfgan_suite.layers.equalized_convolution import convolve_and_resample
from tfgan_suite.layers.equalized_dense import EqualizedDense


@keras.saving.register_keras_serializable("tfgan_suite")
class ModulatedConvolution(keras.layers.Layer):
    """A convolution with different weights for every example, followed by noise, bias, activation, and clamp.

    The weights of an example are `kernel * styles` along the input channels, where `styles` is an affine map of `w`.
    With `demodulate`, each output channel of these weights is then divided by its norm. Both factors apply to whole
    channels, so the layer scales the inputs, convolves them with one shared kernel, and scales the outputs: the same
    result at a fraction of the cost of one kernel per example.

    In float16, the kernel and the styles are first divided by their largest magnitudes; demodulation cancels this.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Odd integer >= 1. Height and width of the kernel.
        up: Boolean. Whether to double the size, with a transposed convolution of stride 2 followed by the filter.
        demodulate: Boolean. Whether to normalize the weights. If not, the styles carry the `1 / sqrt(fan_in)` of the
            equalized learning rate.
        use_noise: Boolean. Whether the layer has a noise strength and a constant noise map.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        activation: String or `None`. `"leaky_relu"` (negative slope 0.2), or `None` for no activation.
        activation_gain: Float. Multiplies the output.
        clamp: Float > 0, or `None`. Maximum magnitude of the output, after the gain; `None` for no bound.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        inputs: A tensor of shape `[batch, height, width, in_channels]`, or with a batch of 1.
        w: A float32 tensor of shape `[batch, w_size]`.
        noise: A float32 tensor of shape `[batch, out_height, out_width, 1]`, or with a batch of 1, or `None`.

    Output shape:
        `[batch, out_height, out_width, filters]`.

    Weights:
        kernel: `[kernel_size, kernel_size, in_channels, filters]`; with `up`, the kernel of a transposed convolution,
            `[kernel_size, kernel_size, filters, in_channels]`.
        bias: `[filters]`.
        noise_strength: `[]`.
        noise_constant: `[out_height, out_width]`, not trained.
        affine: The weights of the affine map.

    Example:

    >>> layer = ModulatedConvolution(5, up=True)
    >>> layer(np.zeros([2, 8, 8, 3], "float32"), np.zeros([2, 16], "float32")).shape
    TensorShape([2, 16, 16, 5])

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), equations 1 and 3;
    float16: "Training Generative Adversarial Networks with Limited Data" (2020), appendix D.1.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        up=False,
        demodulate=True,
        use_noise=True,
        resample_filter=(1, 3, 3, 1),
        activation="leaky_relu",
        activation_gain=2.0**0.5,
        clamp=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        check_activation(activation)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be an odd number >= 1. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.up = up
        self.demodulate = demodulate
        self.use_noise = use_noise
        self.resample_filter = tuple(resample_filter)
        self.activation = activation
        self.activation_gain = activation_gain
        self.clamp = clamp
        self.seed = seed

    def build(self, inputs_shape, w_shape):
        _, height, width, in_channels = inputs_shape
        self.affine = EqualizedDense(in_channels, bias_initial=1.0, seed=self.seed, dtype="float32", name="affine")
        self.affine.build(w_shape)
        channels = [self.filters, in_channels] if self.up else [in_channels, self.filters]
        self.kernel = self.add_weight(
            name="kernel",
            autocast=False,
            shape=[self.kernel_size, self.kernel_size, *channels],
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed + 1),
        )
        self.bias = self.add_weight(name="bias", autocast=False, shape=[self.filters], initializer="zeros")
        if self.use_noise:
            factor = 2 if self.up else 1
            self.noise_strength = self.add_weight(name="noise_strength", autocast=False, shape=[], initializer="zeros")
            self.noise_constant = self.add_weight(
                name="noise_constant",
                autocast=False,
                shape=[height * factor, width * factor],
                initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed + 2),
                trainable=False,
            )
        self.fan_in = self.kernel_size**2 * in_channels

    def call(self, inputs, w, noise=None):
        if noise is not None and not self.use_noise:
            raise ValueError("`noise` must be None in a layer with use_noise=False. Received: a noise tensor.")
        styles, kernel = self.affine(tf.cast(w, tf.float32)), tf.convert_to_tensor(self.kernel)
        if self.demodulate and self.compute_dtype == "float16":
            styles, kernel = self._bounded(styles, kernel)
        if self.demodulate:
            gains = self._demodulation(styles, kernel) * self.activation_gain  # [batch, filters]
        else:
            gains = None
            styles *= self.activation_gain * self.fan_in**-0.5
        convolve = self._convolve_pixels if self.kernel_size == 1 and not self.up else self._convolve
        outputs = convolve(tf.cast(inputs, self.compute_dtype), styles, kernel, gains)
        outputs = self._add_noise_and_bias(outputs, noise)
        return activate(outputs, self.activation, self.clamp)

    def _bounded(self, styles, kernel):
        """Bounds the magnitudes of styles and kernel by 1 and `1 / sqrt(fan_in)`, for sums that float16 can hold."""
        styles /= tf.reduce_max(tf.abs(styles), axis=1, keepdims=True)
        input_axis = 3 if self.up else 2
        largest = tf.reduce_max(tf.abs(kernel), axis=[0, 1, input_axis], keepdims=True)
        return styles, kernel * (self.fan_in**-0.5 / largest)

    def _demodulation(self, styles, kernel):
        """Equation 3 without building the weights of any example: the norm of each of their output channels."""
        squares = _sums_of_squares(kernel)  # [in_channels, filters], with `up` transposed
        return tf.math.rsqrt(tf.matmul(tf.square(styles), squares, transpose_b=self.up) + 1e-8)

    def _convolve(self, inputs, styles, kernel, gains):
        scaled = inputs * tf.cast(styles, self.compute_dtype)[:, None, None, :]
        resampling = "up" if self.up else None
        outputs = convolve_and_resample(scaled, tf.cast(kernel, self.compute_dtype), resampling, self.resample_filter)
        return outputs if gains is None else outputs * tf.cast(gains, self.compute_dtype)[:, None, None, :]

    def _convolve_pixels(self, inputs, styles, kernel, gains):
        """Builds the weights of each example after all: a 1x1 kernel, mainly in ToRGB, is smaller than its inputs."""
        _, height, width, in_channels = inputs.shape
        weights = styles[:, :, None] * kernel[0, 0]  # [batch, in_channels, filters]
        if gains is not None:
            weights *= gains[:, None, :]
        pixels = tf.reshape(inputs, [-1, height * width, in_channels])
        outputs = tf.matmul(pixels, tf.cast(weights, self.compute_dtype))
        return tf.reshape(outputs, [-1, height, width, self.filters])

    def _add_noise_and_bias(self, outputs, noise):
        # Leaky ReLU commutes with a positive gain.
        bias = tf.convert_to_tensor(self.bias) * self.activation_gain
        if noise is None:
            return tf.nn.bias_add(outputs, tf.cast(bias, self.compute_dtype))
        noise = noise * (self.noise_strength * self.activation_gain)
        if noise.shape[0] == 1:
            return outputs + tf.cast(noise + bias, self.compute_dtype)
        return tf.nn.bias_add(outputs + tf.cast(noise, self.compute_dtype), tf.cast(bias, self.compute_dtype))

    def compute_output_shape(self, inputs_shape, w_shape):
        _, height, width, _ = inputs_shape
        factor = 2 if self.up else 1
        return w_shape[0], height * factor, width * factor, self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "up": self.up,
            "demodulate": self.demodulate,
            "use_noise": self.use_noise,
            "resample_filter": self.resample_filter,
            "activation": self.activation,
            "activation_gain": self.activation_gain,
            "clamp": self.clamp,
            "seed": self.seed,
        }


@tf.custom_gradient
def _sums_of_squares(kernel):
    """Sums over the taps. TensorFlow's own gradient would traverse the kernel three times more often."""
    return tf.reduce_sum(tf.square(kernel), axis=[0, 1]), lambda upstream: kernel * (2.0 * upstream)
