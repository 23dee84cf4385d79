"""Squeezing: images of half the size with four times the channels, and back."""

import tensorflow as tf


def squeeze(images):
    """Each 2x2 pixels become channels of one: channel `4 * c + 2 * row + column`, the order of the authors' code.

    Args:
        images: Float `[batch, height, width, channels]`, height and width even.

    Returns:
        Float `[batch, height / 2, width / 2, 4 * channels]`.

    Example:

    >>> squeeze(tf.reshape(tf.range(8.0), [1, 2, 2, 2])).numpy().ravel().tolist()
    [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]
    """
    channels = images.shape[3]
    return _exchange(tf.nn.space_to_depth(images, 2), 4, channels)


def unsqueeze(images):
    """The inverse of `squeeze`."""
    channels = images.shape[3] // 4
    return tf.nn.depth_to_space(_exchange(images, channels, 4), 2)


def _exchange(images, outer, inner):
    """Channels in the order `[outer, inner]` in the order `[inner, outer]`."""
    if 1 in (outer, inner):
        return images
    height, width = images.shape[1:3]
    parts = tf.reshape(images, [-1, height * width, outer, inner])
    return tf.reshape(tf.transpose(parts, [0, 1, 3, 2]), [-1, height, width, outer * inner])
