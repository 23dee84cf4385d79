"""A convolution with an equalized learning rate, optionally fused with doubling or halving the image size."""

import keras
import tensorflow as tf

from tfgan_suite.layers.activation import activate, check_activation
from tfgan_suite.layers.convolve import convolve, convolve_transpose
from tfgan_suite.layers.resample import resample, size_keeping_padding
from tfgan_suite.layers.wrap_padding import check_padding, wrap_pad

RESAMPLINGS = (None, "up", "down")


@keras.saving.register_keras_serializable("tfgan_suite")
class EqualizedConvolution(keras.layers.Layer):
    """A convolution with an equalized learning rate, followed by bias, activation, and clamp.

    It computes `clamp(activation(activation_gain * (convolution(inputs, scale * kernel) + bias)))`, where
    `scale = gain / sqrt(fan_in)`, and the kernel is initialized from N(0, 1).

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Odd integer >= 1. Height and width of the kernel.
        resampling: String or `None`. `"up"`: a transposed convolution with stride 2, followed by the filter. `"down"`:
            the filter, followed by a convolution with stride 2. `None`: a plain convolution.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        padding: String, one of `"zeros"` or `"wrap"`. What lies beyond the edges: zeros, or the opposite edge. `"wrap"`
            requires `resampling=None`.
        gain: Float. Scales the weights.
        use_bias: Boolean. Whether the layer has a bias.
        activation: String or `None`. `"leaky_relu"` (negative slope 0.2), or `None` for no activation.
        activation_gain: Float. Multiplies the output; `sqrt(2)` for leaky ReLU in StyleGAN2, 1 in ProGAN.
        clamp: Float > 0, or `None`. Maximum magnitude of the output, after the gain; `None` for no bound.
        seed: Integer. Seed of the kernel's initial values.

    Input shape:
        `[batch, height, width, in_channels]`.

    Output shape:
        `[batch, out_height, out_width, filters]`.

    Weights:
        kernel: `[kernel_size, kernel_size, in_channels, filters]`; with `resampling="up"`, the kernel of a transposed
            convolution, `[kernel_size, kernel_size, filters, in_channels]`.
        bias: `[filters]`.

    Example:

    >>> EqualizedConvolution(5, resampling="down")(np.zeros([2, 8, 8, 3], "float32")).shape
    TensorShape([2, 4, 4, 5])

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 4.1; "Analyzing and Improving the Image
    Quality of StyleGAN" (2020), section 4; the clamp: "Training Generative Adversarial Networks with Limited Data"
    (2020), appendix D.1.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        resampling=None,
        resample_filter=(1, 3, 3, 1),
        padding="zeros",
        gain=1.0,
        use_bias=True,
        activation=None,
        activation_gain=1.0,
        clamp=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        check_activation(activation)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be an odd number >= 1. Received: kernel_size={kernel_size}")
        if resampling not in RESAMPLINGS:
            raise ValueError(f"`resampling` must be one of {RESAMPLINGS}. Received: resampling={resampling!r}")
        check_padding(padding)
        if padding == "wrap" and resampling is not None:
            raise ValueError(f"`padding` must be 'zeros' with resampling. Received: padding='wrap', {resampling=}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.resampling = resampling
        self.resample_filter = tuple(resample_filter)
        self.padding = padding
        self.gain = gain
        self.use_bias = use_bias
        self.activation = activation
        self.activation_gain = activation_gain
        self.clamp = clamp
        self.seed = seed

    def build(self, input_shape):
        channels = [input_shape[-1], self.filters]
        self.kernel = self.add_weight(
            name="kernel",
            autocast=False,
            shape=[self.kernel_size, self.kernel_size, *(channels[::-1] if self.resampling == "up" else channels)],
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", autocast=False, shape=[self.filters], initializer="zeros")
        self.scale = self.gain * (self.kernel_size**2 * input_shape[-1]) ** -0.5

    def call(self, inputs):
        # Leaky ReLU commutes with a positive gain.
        scale = tf.cast(self.scale * self.activation_gain, self.compute_dtype)
        inputs, kernel = tf.cast(inputs, self.compute_dtype), tf.cast(self.kernel, self.compute_dtype)
        # Scale the smaller of the two: for small images, the weights are much larger than the images.
        height, width = inputs.shape[1:3]
        if None not in (height, width) and height * width <= self.filters:
            inputs *= scale
        else:
            kernel *= scale
        if self.padding == "wrap":
            outputs = convolve(wrap_pad(inputs, self.kernel_size // 2), kernel, padding="VALID")
        else:
            outputs = convolve_and_resample(inputs, kernel, self.resampling, self.resample_filter)
        if self.use_bias:
            bias = tf.cast(tf.convert_to_tensor(self.bias) * self.activation_gain, self.compute_dtype)
            outputs = tf.nn.bias_add(outputs, bias)
        return activate(outputs, self.activation, self.clamp)

    def compute_output_shape(self, input_shape):
        batch_size, height, width, _ = input_shape
        if self.resampling == "up":
            height, width = 2 * height, 2 * width
        elif self.resampling == "down":
            height, width = height // 2, width // 2
        return batch_size, height, width, self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "resampling": self.resampling,
            "resample_filter": self.resample_filter,
            "padding": self.padding,
            "gain": self.gain,
            "use_bias": self.use_bias,
            "activation": self.activation,
            "activation_gain": self.activation_gain,
            "clamp": self.clamp,
            "seed": self.seed,
        }


def convolve_and_resample(inputs, kernel, resampling, taps):
    """Convolves, and keeps, doubles, or halves the size, with the filter applied where it is cheapest.

    Args:
        inputs: A tensor of shape `[batch, height, width, in_channels]`.
        kernel: A tensor of shape `[size, size, in_channels, out_channels]`, or
            `[size, size, out_channels, in_channels]` for `"up"`, with an odd `size`.
        resampling: String, one of `"up"` or `"down"`, or `None`.
        taps: Sequence of floats. The filter along each axis.

    Returns:
        A tensor of shape `[batch, out_height, out_width, out_channels]`.

    Example:

    >>> convolve_and_resample(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 5, 2]), "up", (1, 3, 3, 1)).shape
    TensorShape([1, 8, 8, 5])
    """
    size = kernel.shape[0]
    if resampling is None:
        return convolve(inputs, kernel)
    if resampling == "down":
        if size == 1:
            return convolve(resample(inputs, taps, down=2), kernel)
        before, after = size_keeping_padding(len(taps), down=2)
        filtered = resample(inputs, taps, padding=(before + size // 2, after + size // 2))  # [batch, 2 * out + 1, ...]
        return convolve(filtered, kernel, strides=2, padding="VALID")
    if size == 1:
        return resample(convolve(inputs, tf.transpose(kernel, [0, 1, 3, 2])), taps, up=2)
    full_size = [2 * extent + size - 2 for extent in inputs.shape[1:3]]
    enlarged = convolve_transpose(inputs, kernel, full_size, strides=2, padding="VALID")  # [batch, 2 * in + 1, ...]
    before, after = size_keeping_padding(len(taps), up=2)
    # Subtract from the padding what the transposed convolution adds at the edges. A gain of 4 makes up for the zeros.
    margins = (before + size // 2 - (size - 1), after + size // 2 - (size - 2))
    return resample(enlarged, taps, padding=margins, gain=4.0)
