"""Whole levels: the grid of values that a discrete likelihood is about, and what lies beside it."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError

# How far a float may lie from a level, as a share of the distance between two levels. What went through float32 and back
# is off by a hundred-thousandth; bfloat16, a resize or JPEG by far more, and so are few levels that were divided by 255.
_TOLERANCE = 1e-3


def to_values(levels, num_levels):
    """Float32 values in [-1, 1] of whole levels 0 to `num_levels - 1`: what models compute with."""
    return tf.cast(levels, tf.float32) * (2.0 / (num_levels - 1)) - 1.0


def to_levels(values, num_levels):
    """The nearest whole levels of float values in [-1, 1], as int32; values outside belong to the end levels.

    Rounded, because levels that went through [-1, 1] come back a little too small as often as not.
    """
    levels = tf.round((tf.cast(values, tf.float32) + 1.0) * ((num_levels - 1) / 2.0))
    return tf.cast(tf.clip_by_value(levels, 0.0, num_levels - 1.0), tf.int32)


def to_grid(values, num_levels):
    """Float values in [-1, 1], each moved to its nearest level."""
    return to_values(to_levels(values, num_levels), num_levels)


def lies_on_levels(values, num_levels):
    """Whether all float values lie on the grid of the levels, a boolean scalar. Usable in graphs."""
    return tf.reduce_max(_distances(values, num_levels)) <= _TOLERANCE


def _distances(values, num_levels):
    """How far floats lie from their nearest level, as a share of the distance between two; infinity for NaN."""
    scaled = (tf.cast(values, tf.float32) + 1.0) * ((num_levels - 1) / 2.0)
    distances = tf.abs(scaled - tf.cast(to_levels(values, num_levels), tf.float32))
    return tf.where(tf.math.is_finite(distances), distances, float("inf"))


def check_levels(images, num_levels):
    """Images of whole levels, as what models compute with; any others are refused.

    Args:
        images: Integers in [0, `num_levels - 1`], or floats in [-1, 1] on the grid of the levels. Array or tensor, any shape.
        num_levels: Integer >= 2.

    Returns:
        Float32 of the same shape, exactly on the grid.

    Raises:
        UserError: A value is not on the grid. Inside a graph: `tf.errors.InvalidArgumentError`.

    Example:

    >>> check_levels(np.array([[0, 255]], "uint8"), 256).numpy()
    array([[-1.,  1.]], dtype=float32)
    """
    images = tf.convert_to_tensor(images)
    if images.dtype.is_integer:
        levels = tf.cast(images, tf.int32)
        distance = tf.cast((levels < 0) | (levels >= num_levels), tf.float32)
        expected = f"whole levels from 0 to {num_levels - 1}"
    elif images.dtype.is_floating:
        levels, distance = to_levels(images, num_levels), _distances(images, num_levels)
        expected = f"floats in [-1, 1] on the grid of {num_levels} levels, or these levels as integers"
    else:
        raise UserError(f"Images must be integers or floats. Received: dtype={images.dtype.name}")
    message = (
        f"A likelihood is that of images of whole levels: {expected}. Received values between levels or outside of them. "
        "Round the images to levels first; a resize, JPEG or lower precision after that moves them off the grid."
    )
    largest = tf.reduce_max(distance) if images.shape.num_elements() != 0 else tf.constant(0.0)
    if tf.executing_eagerly():
        if np.asarray(largest) > _TOLERANCE:
            raise UserError(message)
        return to_values(levels, num_levels)
    with tf.control_dependencies([tf.debugging.assert_less_equal(largest, _TOLERANCE, message)]):
        return to_values(levels, num_levels)
