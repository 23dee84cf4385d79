"""seeded_dropout: dropout by a seed, the same for any number of replicas and microbatches."""

import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example

_STEPS = 2**16  # A rate is rounded to a multiple of 1 / 65536. One of whole 256ths takes draws of a byte.


def seeded_dropout(values, rate, seed):
    """Sets a share of the values to 0, and scales the others so that the mean stays.

    Args:
        values: Float `[batch, ...]`, of a static shape but for the batch.
        rate: Float in [0, 1). The share.
        seed: int32 `[2]`. What is set to 0 in an example depends on it and on the index of the example alone.

    Returns:
        A tensor like `values`.

    Example:

    >>> sorted(set(seeded_dropout(tf.ones([1, 100]), 0.5, tf.constant([0, 1])).numpy().ravel().tolist()))
    [0.0, 2.0]
    """
    kept_steps = round((1.0 - rate) * _STEPS)
    if kept_steps == _STEPS:
        return values
    # Several draws out of an integer: drawing is a good part of what dropout costs.
    kind, limit, draws_per_integer = (
        (tf.uint16, kept_steps, 2) if kept_steps % 256 else (tf.uint8, kept_steps // 256, 4)
    )
    size = values.shape[1:].num_elements()
    integers = -(-size // draws_per_integer)

    def draw(count, seed):
        bits = tf.random.stateless_uniform(
            [count, integers], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
        )
        draws = tf.reshape(tf.bitcast(bits, kind), [count, integers * draws_per_integer])
        return draws if draws.shape[1] == size else draws[:, :size]

    draws = draw_per_example(draw, tf.shape(values)[0], seed)
    scaled_mask = tf.cast(draws < tf.constant(limit, kind), values.dtype) * (_STEPS / kept_steps)
    return values * tf.reshape(scaled_mask, tf.shape(values))
