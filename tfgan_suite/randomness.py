"""Explicit random state: every draw is a pure function of (seed, what it is for, step).

A run that is resumed draws what the uninterrupted one would have drawn, because nothing here has hidden state:
seeds are folded from the model's seed, the saved step and the name of the draw. Two replicas with 8 examples each draw
what one device with 16 would draw, because each replica draws for the global batch and keeps its own rows.
"""

import zlib
from collections.abc import Callable

import tensorflow as tf


def fold(seed, *data) -> tf.Tensor:
    """Derives a new seed from `seed` and what follows: names (str) or counters (int or integer scalar tensor).

    Args:
        seed: An int, an integer scalar tensor, or an int32 `[2]` tensor as returned by this function.

    Returns:
        int32 `[2]`, for the `seed` argument of `tf.random.stateless_*`.

    Example:

    >>> fold(0, "latents", 7).shape
    TensorShape([2])
    """
    seed = _as_pair(seed)
    for item in data:
        if isinstance(item, str):
            item = zlib.crc32(item.encode()) & 0x7FFFFFFF
        seed = tf.random.experimental.stateless_fold_in(seed, item)
    return seed


def _as_pair(seed) -> tf.Tensor:
    seed = tf.convert_to_tensor(seed, tf.int64 if isinstance(seed, int) else None)
    if seed.shape.rank == 1:
        return tf.cast(seed, tf.int32)
    return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)  # int64 [] -> int32 [2]


def draw_per_example(draw: Callable, batch_size, seed) -> tf.Tensor:
    """Calls `draw(batch_size, seed)` so that the result does not depend on the number of replicas.

    Inside `strategy.run`, `batch_size` is the replica's own; the draw is made for the global batch, with the same seed
    on every replica, and the replica's rows are cut out of it.

    Args:
        draw: Takes `(batch_size, seed)` and returns a tensor whose first axis is the batch.
        batch_size: Examples wanted here, an int or an integer scalar tensor.
        seed: int32 `[2]`.
    """
    replica_context = tf.distribute.get_replica_context()
    num_replicas = replica_context.num_replicas_in_sync if replica_context else 1
    if num_replicas == 1:
        return draw(batch_size, seed)
    start = tf.cast(replica_context.replica_id_in_sync_group, tf.int32) * batch_size
    return draw(batch_size * num_replicas, seed)[start : start + batch_size]
