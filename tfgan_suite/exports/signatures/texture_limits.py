"""How large textures may be that a client asks for."""

import tensorflow as tf

from tfgan_suite.exports.signatures.checks import require


def max_positions(model, max_count):
    """The most latents of all maps in one request: as many pixels as `max_count` of the model's images have."""
    height, width, _ = model.spec.shape
    return max_count * (height // model.cell_size) * (width // model.cell_size)


def check_positions(count, rows, columns, most, value):
    """Lets `value` pass if there is something to make, and not too much."""
    there = (count >= 1) & (rows >= 1) & (columns >= 1)
    # In floating point, in which the product of large numbers cannot wrap round to a small one.
    positions = tf.cast(count, tf.float64) * tf.cast(rows, tf.float64) * tf.cast(columns, tf.float64)
    message = (
        f"Textures must have 1 to {most} latents in all: their number x rows x columns. Ask for fewer or smaller ones."
    )
    return require(there & (positions <= most), message, [count, rows, columns], value)
