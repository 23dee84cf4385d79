"""TarFlowLayer: attention and two dense layers, each after a normalization and added to what came in."""

import keras

from tfgan_suite.layers.gelu import fused_gelu, gelu
from tfgan_suite.models.tarflow.linear import Linear
from tfgan_suite.models.tarflow.normalization import Normalization
from tfgan_suite.models.tarflow.tarflow_attention import TarFlowAttention


@keras.saving.register_keras_serializable("tfgan_suite")
class TarFlowLayer(keras.layers.Layer):
    """`x + attention(norm(x))`, then `x + dense(gelu(dense(norm(x))))`, in the dtype of `x`.

    Args:
        num_heads: Integer >= 1. A divisor of the width.
        length: Integer >= 1. Positions.
        expansion: Integer >= 1. Units of the inner dense layer, in widths.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        `[batch, length, width]`

    Output shape:
        The same.

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024), section 2.2, with the details of the
    authors' code.
    """

    def __init__(self, num_heads, length, expansion=4, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.length = length
        self.expansion = expansion
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        self.normalize_1 = Normalization(name="normalize_1")
        self.attention = TarFlowAttention(self.num_heads, self.length, self.seed, name="attention")
        self.normalize_2 = Normalization(name="normalize_2")
        self.dense_1 = Linear(self.expansion * width, seed=self.seed + 20, name="dense_1")
        self.dense_2 = Linear(width, seed=self.seed + 30, name="dense_2")
        for layer in (self.normalize_1, self.attention, self.normalize_2, self.dense_1):
            layer.build(input_shape)
            layer.built = True
        self.dense_2.build((*input_shape[:-1], self.expansion * width))
        self.dense_2.built = True

    def call(self, inputs, training=False):
        return self._transform(inputs + self.attention.call(self.normalize_1.call(inputs)), training)

    def step(self, inputs, *place):
        """One position, as `TarFlowAttention.step`."""
        attended, cache = self.attention.step(self.normalize_1.call(inputs), *place)
        return self._transform(inputs + attended), cache

    def block(self, inputs, *place):
        """All positions of a block, as `TarFlowAttention.block`."""
        attended, cache = self.attention.block(self.normalize_1.call(inputs), *place)
        return self._transform(inputs + attended), cache

    def _transform(self, values, training=False):
        activation = fused_gelu if training else gelu
        return values + self.dense_2.call(activation(self.dense_1.call(self.normalize_2.call(values))))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "length": self.length,
            "expansion": self.expansion,
            "seed": self.seed,
        }
