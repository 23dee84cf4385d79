"""A dense layer with an equalized learning rate: its weights are scaled at run time."""

import keras
import tensorflow as tf

from tfgan_suite.layers.activation import activate, check_activation


@keras.saving.register_keras_serializable("tfgan_suite")
class EqualizedDense(keras.layers.Layer):
    """A dense layer with an equalized learning rate, followed by bias and activation.

    It computes `activation(activation_gain * (inputs @ (scale * kernel) + learning_rate_multiplier * bias))`, where
    `scale = gain * learning_rate_multiplier / sqrt(fan_in)`, and the kernel is initialized from N(0, 1) divided by the
    multiplier. All layers therefore start with He initialization, and an optimizer that normalizes its steps updates
    all of them at the same relative rate, scaled by the multiplier.

    Args:
        units: Integer >= 1. Number of outputs.
        gain: Float. Scales the weights.
        learning_rate_multiplier: Float. How fast the layer learns, relative to other layers.
        use_bias: Boolean. Whether the layer has a bias.
        bias_initial: Float. The initial contribution of the bias.
        activation: String or `None`. `"leaky_relu"` (negative slope 0.2), or `None` for no activation.
        activation_gain: Float. Multiplies the output; `sqrt(2)` for leaky ReLU in StyleGAN2, 1 in ProGAN.
        seed: Integer. Seed of the kernel's initial values.

    Input shape:
        `[..., in_units]`.

    Output shape:
        `[..., units]`.

    Example:

    >>> EqualizedDense(4)(np.zeros([2, 8], "float32")).shape
    TensorShape([2, 4])

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 4.1. The multiplier: Karras et al., "A
    Style-Based Generator Architecture for Generative Adversarial Networks" (2019), appendix C.
    """

    def __init__(
        self,
        units,
        gain=1.0,
        learning_rate_multiplier=1.0,
        use_bias=True,
        bias_initial=0.0,
        activation=None,
        activation_gain=1.0,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        check_activation(activation)
        self.units = units
        self.gain = gain
        self.learning_rate_multiplier = learning_rate_multiplier
        self.use_bias = use_bias
        self.bias_initial = bias_initial
        self.activation = activation
        self.activation_gain = activation_gain
        self.seed = seed

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            autocast=False,
            shape=[input_shape[-1], self.units],
            initializer=keras.initializers.RandomNormal(stddev=1.0 / self.learning_rate_multiplier, seed=self.seed),
        )
        if self.use_bias:
            initial = self.bias_initial / self.learning_rate_multiplier
            self.bias = self.add_weight(
                name="bias", autocast=False, shape=[self.units], initializer=keras.initializers.Constant(initial)
            )
        self.scale = self.gain * self.learning_rate_multiplier * input_shape[-1] ** -0.5

    def call(self, inputs):
        # Leaky ReLU commutes with a positive gain. Inputs are smaller than kernels, so the inputs are scaled.
        inputs = tf.cast(inputs, self.compute_dtype) * tf.cast(self.scale * self.activation_gain, self.compute_dtype)
        outputs = tf.matmul(inputs, tf.cast(self.kernel, self.compute_dtype))
        if self.use_bias:
            bias = tf.convert_to_tensor(self.bias) * (self.learning_rate_multiplier * self.activation_gain)
            outputs += tf.cast(bias, self.compute_dtype)
        return activate(outputs, self.activation)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "gain": self.gain,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "use_bias": self.use_bias,
            "bias_initial": self.bias_initial,
            "activation": self.activation,
            "activation_gain": self.activation_gain,
            "seed": self.seed,
        }
