"""RotaryAttention: self-attention that knows positions by rotation, whole or one position at a time."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.layers.cached_attention import CACHE_BLOCK, CachedAttention


@keras.saving.register_keras_serializable("tfgan_suite")
class RotaryAttention(CachedAttention):
    """Multi-head self-attention in which queries and keys are rotated by their position.

    Args:
        num_heads: Integer >= 1. It divides the width, and width over heads is even.
        length: Integer >= 1. Positions.
        causal: Boolean. Whether a position sees itself and earlier ones only.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[batch, length, width]`.

    Output shape:
        The same.

    Example:

    >>> RotaryAttention(num_heads=2, length=5)(np.zeros([3, 5, 8], "float32")).shape
    TensorShape([3, 5, 8])

    Reference: Vaswani et al., "Attention Is All You Need" (2017), section 3.2; rotation: Su et al., "RoFormer" (2021),
    equation 34, with halves in the place of neighboring pairs.
    """

    def __init__(self, num_heads, length, causal=True, seed=0, **kwargs):
        super().__init__(num_heads, length, causal, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        if width % (2 * self.num_heads):
            raise ValueError(
                f"The width must be a multiple of twice the {self.num_heads} heads. Received: a width of {width}"
            )
        self.head_size = width // self.num_heads
        self.to_heads = _dense(3 * width, self.seed, self.dtype_policy, "to_heads")
        self.from_heads = _dense(width, self.seed + 1, self.dtype_policy, "from_heads")
        self.to_heads.build(input_shape)
        self.from_heads.build(input_shape)
        # Angles in float64: in bfloat16 whole numbers end at 256.
        rates = 10_000.0 ** (-np.arange(0, self.head_size, 2) / self.head_size)
        angles = np.arange(self.length)[:, None] * rates  # [length, head_size / 2]
        self._cosines, self._sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def call(self, inputs):
        heads = self.heads_first(tf.cast(self.to_heads(inputs), tf.float32), [self.length])
        queries, keys = tf.unstack(_rotate(heads[:2], self._cosines, self._sines))
        mixed = self.heads_last(self.mix(queries * self.head_size**-0.5, keys, heads[2]), tf.shape(inputs))
        return self.from_heads(tf.cast(mixed, self.compute_dtype))

    def place(self, block, slot, cache):
        """A `Place`, and the rotation there as a matrix: a step is many small operations, of which one matrix product is few.

        Returns:
            The `Place`, and float32 `[3, head_size, head_size]`, by which queries, keys and values are multiplied.
        """
        position = block * CACHE_BLOCK + slot
        cosines, sines = (tf.gather(np.tile(one, 2)[..., None], position) for one in (self._cosines, self._sines))
        same = np.eye(self.head_size, dtype=np.float32)
        turned = np.eye(self.head_size, k=self.head_size // 2, dtype=np.float32)
        turned -= turned.T
        scales = np.float32([self.head_size**-0.5, 1.0, 0.0])[:, None, None]  # Values are not rotated.
        rotations = scales * same * cosines + scales * turned * sines + np.stack([0.0 * same, 0.0 * same, same])
        return super().place(block, slot, cache), rotations

    def step(self, inputs, place, cache):
        """One position of a causal layer.

        Args:
            inputs: Float `[batch, width]`, those at this position.
            place: What `place` says of it, of any layer of this size.
            cache: A `Cache`, into which `end_block` has taken all blocks before.

        Returns:
            Outputs `[batch, width]`, and the cache with this position.
        """
        place, rotations = place
        heads = tf.reshape(tf.cast(self.to_heads(inputs), tf.float32), [-1, 3, self.num_heads, self.head_size])
        heads = tf.unstack(tf.matmul(heads, rotations)[..., None, :], axis=1)  # Each [batch, heads, 1, head_size].
        mixed, cache = self.mix_step(*heads, place, cache)
        mixed = tf.reshape(mixed, [-1, inputs.shape[-1]])  # Of one position the heads lie side by side.
        return self.from_heads(tf.cast(mixed, self.compute_dtype)), cache

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _rotate(vectors, cosines, sines):
    """Rotates pairs of numbers, one of each half, by the angle of their position."""
    first, second = tf.split(vectors, 2, axis=-1)
    return tf.concat([first * cosines - second * sines, first * sines + second * cosines], axis=-1)


def _dense(units, seed, dtype, name):
    initializer = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, use_bias=False, kernel_initializer=initializer, dtype=dtype, name=name)
