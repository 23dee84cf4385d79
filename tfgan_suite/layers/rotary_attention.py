"""RotaryAttention: self-attention that knows positions by rotation, whole or one position at a time."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

CACHE_BLOCK = 16  # Positions that are written one by one before they are taken to the others.


class Cache(NamedTuple):
    """Keys and values of the positions so far.

    Attributes:
        past: Two float32 tensors `[batch, heads, positions, head_size]`, of the blocks that are done.
        block: Two float32 tensors `[batch, heads, CACHE_BLOCK, head_size]`, of the block that is being worked on.
    """

    past: tuple
    block: tuple


@keras.saving.register_keras_serializable("tfgan_suite")
class RotaryAttention(keras.layers.Layer):
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
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.length = length
        self.causal = causal
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
        blocks = max(1, -(-self.length // CACHE_BLOCK) - 1)  # The last one is never past.
        self._block_of_past = np.repeat(np.arange(blocks, dtype=np.int32), CACHE_BLOCK)
        self._cosines, self._sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def call(self, inputs):
        queries, keys, values = self._heads(inputs, [self.length], self._cosines, self._sines)
        scores = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, length, length]
        if self.causal:
            visible = np.tril(np.ones([self.length, self.length], bool))
            scores = tf.where(visible, scores, -np.inf)
        return self._join(tf.matmul(tf.nn.softmax(scores), values), tf.shape(inputs))

    def step(self, inputs, block, slot, cache):
        """One position of a causal layer.

        Args:
            inputs: Float `[batch, width]`, those at this position.
            block: int32 scalar. Which block of `CACHE_BLOCK` positions it is in.
            slot: int32 scalar. Its place in the block.
            cache: A `Cache`, into which `end_block` has taken all blocks before.

        Returns:
            Outputs `[batch, width]`, and the cache with this position.
        """
        position = block * CACHE_BLOCK + slot
        cosines, sines = tf.gather(self._cosines, position), tf.gather(self._sines, position)
        queries, *new = self._heads(inputs, [1], cosines, sines)
        slots = np.arange(CACHE_BLOCK, dtype=np.int32)
        # Written by a choice of every element, since no slice is updated in all exports.
        here = tf.equal(slots, slot)[:, None]
        keys, values = (tf.where(here, one, old) for one, old in zip(new, cache.block))
        past_keys, past_values = cache.past
        visible = self._block_of_past < block
        scores = tf.concat(
            [
                tf.where(visible, tf.matmul(queries, past_keys, transpose_b=True), -np.inf),
                tf.where(slots <= slot, tf.matmul(queries, keys, transpose_b=True), -np.inf),
            ],
            axis=-1,
        )  # [batch, heads, 1, past + block]
        weights = tf.nn.softmax(scores)
        past = len(self._block_of_past)
        mixed = tf.matmul(weights[..., :past], past_values) + tf.matmul(weights[..., past:], values)
        shape = [tf.shape(inputs)[0], inputs.shape[-1]]
        return self._join(mixed, shape), Cache(cache.past, (keys, values))

    def end_block(self, block, cache):
        """Takes the positions of a block that is done to those before: what is written often is small."""
        here = tf.equal(self._block_of_past, block)[:, None]
        repeats = [1, 1, len(self._block_of_past) // CACHE_BLOCK, 1]
        past = tuple(tf.where(here, tf.tile(new, repeats), old) for new, old in zip(cache.block, cache.past))
        return Cache(past, cache.block)

    def initial_cache(self, batch_size):
        """A `Cache` of no positions."""

        def empty(length):
            return (tf.zeros([batch_size, self.num_heads, length, self.head_size]),) * 2

        return Cache(empty(len(self._block_of_past)), empty(CACHE_BLOCK))

    def _heads(self, inputs, positions, cosines, sines):
        """Queries, keys and values, float32 `[batch, heads, positions, head_size]`."""
        heads = tf.cast(self.to_heads(inputs), tf.float32)
        heads = tf.reshape(heads, [-1, *positions, 3, self.num_heads, self.head_size])
        heads = tf.transpose(heads, [2, 0, 3, 1, 4])
        queries, keys = tf.unstack(_rotate(heads[:2], cosines, sines))  # Together: a step is many small operations.
        return queries * self.head_size**-0.5, keys, heads[2]

    def _join(self, mixed, shape):
        """Outputs of what was mixed for each head, `[batch, heads, positions, head_size]`."""
        mixed = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), shape)
        return self.from_heads(tf.cast(mixed, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "length": self.length,
            "causal": self.causal,
            "seed": self.seed,
        }


def _rotate(vectors, cosines, sines):
    """Rotates pairs of numbers, one of each half, by the angle of their position."""
    first, second = tf.split(vectors, 2, axis=-1)
    return tf.concat([first * cosines - second * sines, first * sines + second * cosines], axis=-1)


def _dense(units, seed, dtype, name):
    initializer = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, use_bias=False, kernel_initializer=initializer, dtype=dtype, name=name)
