"""ResidualNetwork: RealNVP's network inside of a coupling."""

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softly_bounded
from tfgan_suite.models.glow.flow_layer import LARGEST_INPUT
from tfgan_suite.models.glow.stored_normalization import StoredNormalization
from tfgan_suite.models.glow.weight_normalized_convolution import WeightNormalizedConvolution


@keras.saving.register_keras_serializable("tfgan_suite")
class ResidualNetwork(keras.layers.Layer):
    """From what stays as it is to a shift, and the logarithm of a scale, of what changes.

    Residual blocks of two 3x3 convolutions with normalized weights; the output is made of all of them. The log-scale is a
    learned number for each channel times a hyperbolic tangent.

    Args:
        channels: Integer >= 1. Channels that change, as many as there are of those that stay.
        width: Integer >= 1. Channels within.
        blocks: Integer >= 1. Residual blocks.
        doubled: Boolean. Whether half of the input is masked, so that the rest counts twice.
        max_log_scale: Float > 0, the bound of the logarithm of the scale; or `None` for the paper's, bounded by what is
            learned.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]`.
        training: Boolean. In training, layers compute in the policy's precision; otherwise in float32.
        initialize: Boolean. Whether normalizations are set from these images, eagerly.

    Returns:
        The shift and the log-scale, float32 `[batch, height, width, channels]`.

    Reference: Dinh et al., "Density estimation using Real NVP" (2017), sections 3.6 and 4.1, with details of the PyTorch
    implementation whose weights fit.
    """

    def __init__(self, channels, width, blocks=8, doubled=False, max_log_scale=0.5, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.width = width
        self.blocks = blocks
        self.doubled = doubled
        self.max_log_scale = max_log_scale
        self.seed = seed
        self.in_norm = StoredNormalization(name="in_norm")
        self.in_convolution = self._convolution("in_convolution", width, 3)
        self.in_skip = self._convolution("in_skip", width, 1)
        # Of each block: normalization, convolution, normalization, convolution, and the way to the output.
        self.block_layers = [
            [
                StoredNormalization(name=f"block_{index}_norm_1"),
                self._convolution(f"block_{index}_convolution_1", width, 3, use_bias=False),
                StoredNormalization(name=f"block_{index}_norm_2"),
                self._convolution(f"block_{index}_convolution_2", width, 3),
                self._convolution(f"block_{index}_skip", width, 1),
            ]
            for index in range(blocks)
        ]
        self.out_norm = StoredNormalization(name="out_norm")
        self.out_convolution = self._convolution("out_convolution", 2 * channels, 1)

    def _convolution(self, name, filters, size, use_bias=True):
        seed = self.seed + sum(map(ord, name))
        return WeightNormalizedConvolution(filters, (size, size), use_bias=use_bias, seed=seed, name=name)

    def build(self, input_shape):
        self.rescale = self.add_weight(name="rescale", shape=[self.channels], initializer="ones", autocast=False)
        inputs, hidden = tuple(input_shape), (*input_shape[:-1], self.width)
        _build(self.in_norm, inputs)
        _build(self.in_convolution, (*inputs[:-1], 2 * inputs[-1]))
        for layer in (self.in_skip, *sum(self.block_layers, []), self.out_norm, self.out_convolution):
            _build(layer, hidden)

    def call(self, images, training=False, initialize=False):
        if self.max_log_scale is not None:
            images = tf.clip_by_value(images, -LARGEST_INPUT, LARGEST_INPUT)
        hidden = tf.cast(images, self.compute_dtype if training else "float32")
        hidden = self.in_norm.call(hidden, initialize) * (2.0 if self.doubled else 1.0)
        hidden = self.in_convolution.call(tf.nn.relu(tf.concat([hidden, -hidden], axis=3)))
        total = self.in_skip.call(hidden)
        for norm_1, convolution_1, norm_2, convolution_2, skip in self.block_layers:
            inner = convolution_1.call(tf.nn.relu(norm_1.call(hidden, initialize)))
            hidden = hidden + convolution_2.call(tf.nn.relu(norm_2.call(inner, initialize)))
            total = total + skip.call(hidden)
        outputs = self.out_convolution.call(tf.nn.relu(self.out_norm.call(total, initialize)))
        raw, shift = tf.split(tf.cast(outputs, tf.float32), 2, axis=3)
        log_scale = self.rescale * tf.tanh(raw)
        if self.max_log_scale is not None:
            log_scale = softly_bounded(log_scale, self.max_log_scale)
        return shift, log_scale

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "width": self.width,
            "blocks": self.blocks,
            "doubled": self.doubled,
            "max_log_scale": self.max_log_scale,
            "seed": self.seed,
        }


def _build(layer, shape):
    layer.build(shape)
    layer.built = True
