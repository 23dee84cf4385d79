"""GATAttention: self-attention over patches that are rotated by their row and column."""

import keras
import tensorflow as tf

from tfgan_suite.layers.cached_attention import CachedAttention
from tfgan_suite.models.gat.image_positions import rotate_neighbors, rotation_angles

_EPSILON = 1.1920929e-07  # PyTorch's default, the distance from 1 to the next float32.


@keras.saving.register_keras_serializable("tfgan_suite")
class GATAttention(CachedAttention):
    """Multi-head self-attention; queries and keys are normalized for each head, and rotated. The attention is in float32.

    Args:
        num_heads: Integer >= 1. It divides the width, and width over heads is a multiple of 4.
        grid: Tuple of two integers, patches from top to bottom and from left to right.
        others: Integer >= 0. Tokens before those of the patches, which are not rotated.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[batch, others + rows * columns, width]`.

    Output shape:
        The same.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3; the normalization: Henry et al., "Query-Key
    Normalization for Transformers" (2020), with root mean squares; the rotation: `rotation_angles`.
    """

    def __init__(self, num_heads, grid, others=0, seed=0, **kwargs):
        super().__init__(num_heads, others + grid[0] * grid[1], causal=False, **kwargs)
        self.grid = tuple(grid)
        self.others = others
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        self.head_size = width // self.num_heads
        self.to_heads = _dense(3 * width, self.seed, self.dtype_policy, "to_heads")
        self.from_heads = _dense(width, self.seed + 1, self.dtype_policy, "from_heads")
        self.normalize_queries, self.normalize_keys = (
            keras.layers.RMSNormalization(epsilon=_EPSILON, dtype="float32", name=f"normalize_{name}")
            for name in ("queries", "keys")
        )
        for layer in (self.to_heads, self.from_heads):
            layer.build(input_shape)
        for layer in (self.normalize_queries, self.normalize_keys):
            layer.build([None, self.num_heads, None, self.head_size])
        self._angles = rotation_angles(*self.grid, self.head_size, self.others)

    def call(self, inputs):
        heads = self.heads_first(tf.cast(self.to_heads(inputs), tf.float32), [self.length])
        queries, keys, values = tf.unstack(heads)  # Each [batch, heads, length, head_size].
        queries = rotate_neighbors(self.normalize_queries(queries), self._angles) * self.head_size**-0.5
        keys = rotate_neighbors(self.normalize_keys(keys), self._angles)
        mixed = self.heads_last(self.mix(queries, keys, values), tf.shape(inputs))
        return self.from_heads(tf.cast(mixed, self.compute_dtype))

    def get_config(self):
        config = super().get_config()
        for told in ("causal", "length"):
            del config[told]
        return {**config, "grid": self.grid, "others": self.others, "seed": self.seed}


def _dense(units, seed, dtype, name):
    initializer = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, dtype=dtype, name=name)
