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


class Place(NamedTuple):
    """What attention needs to know of a position: the same for layers of one size, for which it is worked out once.

    Attributes:
        is_here: Boolean `[block_size, 1]`, true at its place in its block.
        bias: float32 `[positions + block_size]`, 0 at positions that are seen and -infinity at others.
    """

    is_here: tf.Tensor
    bias: tf.Tensor


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

    def place(self, block, slot, cache):
        """The `Place` of a position.

        Args:
            block: int32 scalar. Which block of positions it is in.
            slot: int32 scalar. Its place in the block.
            cache: A `Cache` of this layer.
        """
        slots = np.arange(cache.block[0].shape[2], dtype=np.int32)
        return Place(tf.equal(slots, slot)[:, None], _bias(slots <= slot, block, cache))

    def mix_step(self, queries, keys, values, place, cache):
        """What one position of a causal layer gets.

        Args:
            queries: float32 `[batch, heads, 1, head_size]`, those at this position; keys and values alike.
            place: The `Place` of the position.
            cache: A `Cache`, into which `end_block` has taken all blocks before.

        Returns:
            float32 `[batch, heads, 1, head_size]`, and the cache with this position.
        """
        # Written by a choice of every element, since no slice is updated in all exports.
        keys, values = (tf.where(place.is_here, one, old) for one, old in zip((keys, values), cache.block))
        return self._mix_with_past(queries, keys, values, place.bias, cache)

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
        return self._mix_with_past(queries, keys, values, _bias(visible, block, cache), cache)

    def _mix_with_past(self, queries, keys, values, bias, cache):
        past_keys, past_values = cache.past
        scores = [tf.matmul(queries, one, transpose_b=True) for one in (past_keys, keys)]
        weights = tf.nn.softmax(tf.concat(scores, axis=-1) + bias)  # [batch, heads, positions, past + block]
        of_past, of_block = tf.split(weights, [past_keys.shape[2], keys.shape[2]], axis=-1)
        mixed = tf.matmul(of_past, past_values) + tf.matmul(of_block, values)
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


def _bias(visible, block, cache):
    """0 at what is seen of the past and, by `visible` `[..., block_size]`, of the block; -infinity elsewhere."""
    past = tf.broadcast_to(_block_of_past(cache) < block, [*visible.shape[:-1], cache.past[0].shape[2]])
    return tf.where(tf.concat([past, visible], axis=-1), 0.0, -np.inf)


def _block_of_past(cache):
    past, size = (one[0].shape[2] for one in cache)
    return np.repeat(np.arange(past // size, dtype=np.int32), size)
