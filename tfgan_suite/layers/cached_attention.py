"""CachedAttention: base of self-attention that can go position by position, keeping keys and values of those before."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

CACHE_BLOCK = 16  # Positions that are written one by one before they are taken to the others.


class Cache(NamedTuple):
    """Keys and values of the positions so far.

    Attributes:
        past: Two float32 tensors `[batch, heads, positions, head_size]`, of the blocks that are done.
        block: Two float32 tensors `[batch, heads, block_size, head_size]`, of the block that is being worked on.
    """

    past: tuple
    block: tuple


class CachedAttention(keras.layers.Layer):
    """Base of multi-head self-attention over a sequence: whole, a position at a time, or a block of positions at a time.

    A subclass makes queries, keys and values, float32 `[batch, heads, positions, head_size]`, with the queries scaled; and sets
    `head_size` in `build`.

    Args:
        num_heads: Integer >= 1.
        length: Integer >= 1. Positions.
        causal: Boolean. Whether a position sees itself and earlier ones only.
    """

    def __init__(self, num_heads, length, causal=True, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.length = length
        self.causal = causal

    def mix(self, queries, keys, values):
        """What each position gets of the others, of the whole sequence; float32 `[batch, heads, length, head_size]`."""
        scores = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, length, length]
        if self.causal:
            visible = np.tril(np.ones([queries.shape[2]] * 2, bool))
            scores = tf.where(visible, scores, -np.inf)
        return tf.matmul(tf.nn.softmax(scores), values)

    def mix_step(self, queries, keys, values, block, slot, cache):
        """What one position of a causal layer gets.

        Args:
            queries: float32 `[batch, heads, 1, head_size]`, those at this position; keys and values alike.
            block: int32 scalar. Which block of positions it is in.
            slot: int32 scalar. Its place in the block.
            cache: A `Cache`, into which `end_block` has taken all blocks before.

        Returns:
            float32 `[batch, heads, 1, head_size]`, and the cache with this position.
        """
        slots = np.arange(cache.block[0].shape[2], dtype=np.int32)
        # Written by a choice of every element, since no slice is updated in all exports.
        here = tf.equal(slots, slot)[:, None]
        keys, values = (tf.where(here, one, old) for one, old in zip((keys, values), cache.block))
        return self._mix_with_past(queries, keys, values, slots <= slot, block, cache)

    def mix_block(self, queries, keys, values, block, cache):
        """What all positions of a block get at once.

        Args:
            queries: float32 `[batch, heads, block_size, head_size]`; keys and values alike.
            block: int32 scalar. Which block of positions it is.
            cache: A `Cache`, into which `end_block` has taken all blocks before.

        Returns:
            float32 `[batch, heads, block_size, head_size]`, and the cache with this block.
        """
        visible = np.tril(np.ones([queries.shape[2]] * 2, bool))
        return self._mix_with_past(queries, keys, values, visible, block, cache)

    def _mix_with_past(self, queries, keys, values, visible, block, cache):
        past_keys, past_values = cache.past
        block_of_past = _block_of_past(cache)
        scores = tf.concat(
            [
                tf.where(block_of_past < block, tf.matmul(queries, past_keys, transpose_b=True), -np.inf),
                tf.where(visible, tf.matmul(queries, keys, transpose_b=True), -np.inf),
            ],
            axis=-1,
        )  # [batch, heads, positions, past + block]
        weights = tf.nn.softmax(scores)
        past = len(block_of_past)
        mixed = tf.matmul(weights[..., :past], past_values) + tf.matmul(weights[..., past:], values)
        return mixed, Cache(cache.past, (keys, values))

    def end_block(self, block, cache):
        """Takes the positions of a block that is done to those before: what is written often is small."""
        block_of_past = _block_of_past(cache)
        here = tf.equal(block_of_past, block)[:, None]
        repeats = [1, 1, len(block_of_past) // cache.block[0].shape[2], 1]
        past = tuple(tf.where(here, tf.tile(new, repeats), old) for new, old in zip(cache.block, cache.past))
        return Cache(past, cache.block)

    def initial_cache(self, batch_size, block_size=CACHE_BLOCK):
        """A `Cache` of no positions, which is filled in blocks of a size."""

        def empty(length):
            return (tf.zeros([batch_size, self.num_heads, length, self.head_size]),) * 2

        blocks = max(1, -(-self.length // block_size) - 1)  # The last one is never past.
        return Cache(empty(blocks * block_size), empty(block_size))

    def heads_first(self, vectors, positions):
        """Queries, keys and values in one, `[batch, ..., 3 * width]`, as float32 `[3, batch, heads, positions, head_size]`."""
        heads = tf.reshape(vectors, [-1, *positions, 3, self.num_heads, self.head_size])
        return tf.transpose(heads, [2, 0, 3, 1, 4])

    def heads_last(self, mixed, shape):
        """What was mixed for each head, `[batch, heads, positions, head_size]`, as vectors of a shape."""
        return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), shape)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "length": self.length, "causal": self.causal}


def _block_of_past(cache):
    past, size = (one[0].shape[2] for one in cache)
    return np.repeat(np.arange(past // size, dtype=np.int32), size)
