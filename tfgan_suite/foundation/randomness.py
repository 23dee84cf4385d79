"""Explicit random state: every draw is a pure function of (seed, purpose, step).

A resumed run draws what the uninterrupted one would have drawn, because there is no hidden state: seeds are folded from
the model's seed, the saved step, and the name of the draw. Two replicas with 8 examples each draw what one device with
16 would draw, because each replica draws for the global batch and keeps its own rows. The same holds for microbatches.
"""

import contextlib
import contextvars
import zlib
from collections.abc import Callable

import tensorflow as tf

from tfgan_suite.foundation.microbatches import parts_of_batch, take_rows

# Explicit, so that a draw is the same in a graph, under XLA, and on any device.
_ALGORITHM = "philox"
# Where examples are drawn for their place in a data set: the place of the first, and how many there are.
_PLACE = contextvars.ContextVar("place", default=None)
_ROWS_OF_A_BLOCK = 64


def fold(seed, *data) -> tf.Tensor:
    """Derives a new seed from `seed` and the given names and counters.

    Args:
        seed: Integer, an integer scalar tensor, or an int32 tensor of shape `[2]` as returned by this function.
        *data: Strings (names), integers, or integer scalar tensors (counters).

    Returns:
        An int32 tensor of shape `[2]`, for the `seed` argument of `tf.random.stateless_*`.

    Example:

    >>> fold(0, "latents", 7).shape
    TensorShape([2])
    """
    seed = _as_pair(seed)
    for item in data:
        if isinstance(item, str):
            item = zlib.crc32(item.encode()) & 0x7FFFFFFF
        seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(item, tf.int32), alg=_ALGORITHM)
    return seed


def _as_pair(seed) -> tf.Tensor:
    seed = tf.convert_to_tensor(seed, tf.int64 if isinstance(seed, int) else None)
    if seed.shape.rank == 1:
        return tf.cast(seed, tf.int32)
    return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)  # int64 [] -> int32 [2]


def uniform(shape, seed, low=0.0, high=1.0) -> tf.Tensor:
    """Draws a float32 tensor of `shape`, uniform on [low, high). `seed` is int32 `[2]`, here and below."""
    return low + (high - low) * (_random_integers(shape, seed) * 2.0**-23)


def normal(shape, seed) -> tf.Tensor:
    """Draws a float32 tensor of `shape` from the standard normal distribution, limited to +-5.3."""
    return tf.math.ndtri((_random_integers(shape, seed) + 0.5) * 2.0**-23)


def _random_integers(shape, seed) -> tf.Tensor:
    """Draws integers from 0 to 2^23 - 1, as float32.

    TensorFlow's own floating-point draws use different bits under XLA; its integers are the same everywhere.
    """
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg=_ALGORITHM)
    return tf.cast(tf.bitwise.bitwise_and(bits, 2**23 - 1), tf.float32)


def categorical(weights, count, seed) -> tf.Tensor:
    """Draws int32 indices `[count]`, each with probability proportional to `weights`, a list of floats >= 0."""
    bounds = tf.cumsum(tf.constant(weights, tf.float32) / sum(weights))
    indices = tf.searchsorted(bounds, uniform([count], seed), side="right")
    return tf.minimum(indices, len(weights) - 1)  # Rounding may leave the last bound below 1.


def draw_per_example(draw: Callable, batch_size, seed) -> tf.Tensor:
    """Calls `draw(batch_size, seed)` so that the result does not depend on the number of replicas or microbatches.

    When only a part of the global batch is being processed, the draw covers the whole batch, with the same seed for
    every part, and the rows of this part are cut out.

    Args:
        draw: Callable that takes `(batch_size, seed)` and returns a tensor whose first axis is the batch.
        batch_size: Integer, or an integer scalar tensor. Number of examples to draw here.
        seed: An int32 tensor of shape `[2]`.

    Returns:
        A tensor with `batch_size` rows.
    """
    if _PLACE.get() is not None:
        return _draw_at_place(draw, batch_size, seed, *_PLACE.get())
    index, count = parts_of_batch()
    if isinstance(count, int) and count == 1:
        return draw(batch_size, seed)
    return take_rows(draw(batch_size * count, seed), index * batch_size, batch_size)


@contextlib.contextmanager
def examples_from(first, count):
    """Context manager in which `draw_per_example` draws for examples by their place in a data set, whatever the batches.

    Args:
        first: Integer scalar tensor. The place of the first of the examples that are worked on.
        count: Integer scalar tensor. Their number.
    """
    token = _PLACE.set((first, count))
    try:
        yield
    finally:
        _PLACE.reset(token)


def _draw_at_place(draw, batch_size, seed, first, count):
    """Draws blocks of rows, each by a seed of its own, as many as hold the rows that are asked for."""
    first = first * batch_size // count  # Of draws with several rows for each example.
    num_blocks = (batch_size + 2 * _ROWS_OF_A_BLOCK - 2) // _ROWS_OF_A_BLOCK
    like = draw(1, seed)
    blocks = tf.map_fn(
        lambda block: draw(_ROWS_OF_A_BLOCK, fold(seed, block)),
        first // _ROWS_OF_A_BLOCK + tf.range(num_blocks),
        fn_output_signature=tf.TensorSpec([_ROWS_OF_A_BLOCK, *like.shape[1:]], like.dtype),
    )
    return take_rows(tf.reshape(blocks, [-1, *like.shape[1:]]), first % _ROWS_OF_A_BLOCK, batch_size)
