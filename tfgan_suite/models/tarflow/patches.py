"""Patches: images as sequences of tokens, and back."""

import tensorflow as tf


def to_patches(images, size):
    """Images as tokens, one for each square of pixels, from left to right and from top to bottom.

    Within a token channels are the slowest: value `(channel * size + row) * size + column`, the order of the authors' code.

    Args:
        images: Float `[batch, height, width, channels]`, height and width multiples of the size.
        size: Integer >= 1. Pixels of a side of a square.

    Returns:
        Float `[batch, height * width / size ** 2, channels * size ** 2]`.

    Example:

    >>> to_patches(tf.reshape(tf.range(8.0), [1, 2, 4, 1]), 2).numpy().tolist()
    [[[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]]
    """
    height, width, channels = images.shape[1:]
    rows, columns = height // size, width // size
    parts = tf.reshape(images, [-1, rows, size, columns, size, channels])
    return tf.reshape(tf.transpose(parts, [0, 1, 3, 5, 2, 4]), [-1, rows * columns, channels * size**2])


def from_patches(tokens, size, image_shape):
    """The inverse of `to_patches`, of images of a shape `(height, width, channels)`."""
    height, width, channels = image_shape
    parts = tf.reshape(tokens, [-1, height // size, width // size, channels, size, size])
    return tf.reshape(tf.transpose(parts, [0, 1, 4, 2, 5, 3]), [-1, height, width, channels])
