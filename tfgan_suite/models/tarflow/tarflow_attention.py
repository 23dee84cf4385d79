"""TarFlowAttention: causal self-attention, whole, a position or a block of positions at a time."""

import keras
import tensorflow as tf

from tfgan_suite.layers.cached_attention import CachedAttention
from tfgan_suite.models.tarflow.linear import Linear


@keras.saving.register_keras_serializable("tfgan_suite")
class TarFlowAttention(CachedAttention):
    """Causal multi-head self-attention in the dtype of its inputs; the attention itself is in float32.

    Args:
        num_heads: Integer >= 1. A divisor of the width.
        length: Integer >= 1. Positions.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        `[batch, length, width]`

    Output shape:
        The same.

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024), section 2.2; guidance by the temperature
    of the attention: section 2.5.
    """

    def __init__(self, num_heads, length, seed=0, **kwargs):
        super().__init__(num_heads, length, causal=True, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        self.head_size = width // self.num_heads
        self.to_heads = Linear(3 * width, seed=self.seed, name="to_heads")
        self.from_heads = Linear(width, seed=self.seed + 10, name="from_heads")
        for layer in (self.to_heads, self.from_heads):
            layer.build(input_shape)
            layer.built = True

    def call(self, inputs):
        return self._join(self.mix(*self._heads(inputs, [inputs.shape[1]], None)), inputs)

    def step(self, inputs, block, slot, cache, sharpness=None):
        """One position `[batch, width]`; the rest is as in `place` and `mix_step`.

        Args:
            sharpness: float32 `[batch]`, one over the temperature of each row's attention; `None` for 1.
        """
        heads = self._heads(inputs, [1], sharpness)
        mixed, cache = self.mix_step(*heads, self.place(block, slot, cache), cache)
        return self._join(mixed, inputs), cache

    def block(self, inputs, block, cache, sharpness=None):
        """All positions of a block, `[batch, block_size, width]`; the rest is as in `mix_block`."""
        heads = self._heads(inputs, [inputs.shape[1]], sharpness)
        mixed, cache = self.mix_block(*heads, block, cache)
        return self._join(mixed, inputs), cache

    def _heads(self, inputs, positions, sharpness):
        heads = self.heads_first(tf.cast(self.to_heads.call(inputs), tf.float32), positions)
        queries, keys, values = tf.unstack(heads)
        queries = queries * self.head_size**-0.5
        return queries if sharpness is None else queries * sharpness[:, None, None, None], keys, values

    def _join(self, mixed, inputs):
        shape = [-1, *inputs.shape[1:]]
        return self.from_heads.call(tf.cast(self.heads_last(mixed, shape), inputs.dtype))

    def get_config(self):
        config = super().get_config()
        del config["causal"]
        return {**config, "seed": self.seed}
