"""CouplingNetwork: Glow's network inside of a coupling."""

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softly_bounded, softplus
from tfgan_suite.models.glow.flow_layer import LARGEST_INPUT
from tfgan_suite.models.glow.scaled_convolution import ScaledConvolution


@keras.saving.register_keras_serializable("tfgan_suite")
class CouplingNetwork(keras.layers.Layer):
    """From the channels that stay as they are to a shift, and the logarithm of a scale, of those that change.

    Three convolutions: 3x3, 1x1, and 3x3 with zeros for initial weights.

    Args:
        channels: Integer >= 1. Channels that change.
        width: Integer >= 1. Channels within.
        affine: Boolean. Whether there is a scale.
        max_log_scale: Float > 0, the bound of the logarithm of the scale; or `None` for the paper's `sigmoid(x + 2)`, which has
            no lower bound.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, any]`.
        training: Boolean. In training, layers compute in the policy's precision; otherwise in float32, since the inverse has to
            find what the forward direction had.
        initialize: Boolean. Whether biases and scales are set from these images, eagerly.

    Returns:
        The shift and the log-scale, float32 `[batch, height, width, channels]`; `None` for a scale of 1.

    Reference: Kingma and Dhariwal, "Glow" (2018), section 3.3 and appendix B.
    """

    def __init__(self, channels, width, affine=True, max_log_scale=0.5, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.width = width
        self.affine = affine
        self.max_log_scale = max_log_scale
        self.seed = seed
        filters = (2 if affine else 1) * channels
        self.first = ScaledConvolution(width, 3, seed=seed, name="first")
        self.middle = ScaledConvolution(width, 1, seed=seed + 1, name="middle")
        self.last = ScaledConvolution(filters, 3, zeros=True, name="last")

    def build(self, input_shape):
        shape = tuple(input_shape)
        for layer in (self.first, self.middle, self.last):
            layer.build(shape)
            layer.built = True
            shape = layer.compute_output_shape(shape)

    def call(self, images, training=False, initialize=False):
        if self.max_log_scale is not None:
            images = tf.clip_by_value(images, -LARGEST_INPUT, LARGEST_INPUT)
        hidden = tf.cast(images, self.compute_dtype if training else "float32")
        hidden = self.first.call(hidden, relu=True, initialize=initialize)
        hidden = self.middle.call(hidden, relu=True, initialize=initialize)
        outputs = tf.cast(self.last.call(hidden), tf.float32)
        if not self.affine:
            return outputs, None
        shift, raw = tf.split(outputs, 2, axis=3)
        if self.max_log_scale is None:
            return shift, -softplus(-(raw + 2.0))
        return shift, softly_bounded(raw, self.max_log_scale)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "width": self.width,
            "affine": self.affine,
            "max_log_scale": self.max_log_scale,
            "seed": self.seed,
        }
