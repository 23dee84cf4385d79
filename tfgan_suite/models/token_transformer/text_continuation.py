"""Text of any length by a model of windows: each window begins with the end of the one before it."""

import tensorflow as tf

from tfgan_suite.foundation.randomness import fold
from tfgan_suite.specs.text_spec import join_bytes


def continue_text(draw, length, prompts, seeds, num_bytes):
    """What follows after prompts, inside of a graph.

    Args:
        draw: Function of seeds int32 `[batch, 2]`, bytes int32 `[batch, length]` and a mask, true where they are given, to whole
            windows `[batch, length]`.
        length: Integer >= 2. Bytes of a window, of which the first half, rounded down, may be given.
        prompts: String tensor `[batch]`.
        seeds: int32 `[batch, 2]`.
        num_bytes: int32, a scalar or `[batch]`.

    Returns:
        String tensor `[batch]`, `num_bytes` bytes each.
    """
    seen = length // 2
    sizes = tf.strings.length(prompts)
    num_bytes = tf.broadcast_to(num_bytes, tf.shape(sizes))
    ends = tf.strings.substr(prompts, tf.maximum(sizes - seen, 0), tf.fill(tf.shape(sizes), seen))
    given = tf.cast(tf.io.decode_raw(ends, tf.uint8, fixed_length=length), tf.int32)

    def write_window(number, given, sizes, text):
        # The first window is drawn as `generate` draws it.
        own = tf.cond(number > 0, lambda: _seeds_of(seeds, number), lambda: seeds)
        window = tf.cast(draw(own, given, tf.range(length) < sizes[:, None]), tf.int32)
        new = tf.strings.substr(join_bytes(window), sizes, length - sizes)
        given = tf.pad(window[:, length - seen :], [[0, 0], [0, length - seen]])
        return number + 1, given, tf.fill(tf.shape(sizes), seen), tf.strings.join([text, new])

    *_, text = tf.while_loop(
        lambda number, given, sizes, text: tf.reduce_any(tf.strings.length(text) < num_bytes),
        write_window,
        (tf.constant(0), given, tf.minimum(sizes, seen), tf.fill(tf.shape(sizes), "")),
        shape_invariants=tuple(map(tf.TensorShape, ([], [None, length], [None], [None]))),
        parallel_iterations=1,
    )
    return tf.strings.substr(text, tf.zeros_like(num_bytes), num_bytes)


def _seeds_of(seeds, number):
    """Seeds of a later window."""
    return tf.map_fn(lambda seed: fold(seed, "window", number), seeds)
