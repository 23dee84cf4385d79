"""Doubling by repeated pixels and halving by averages: each is, but for a factor, the other's transpose.

They are written as each other's derivatives. TensorFlow's own gradient of a resized image does not compile under XLA.
"""

import tensorflow as tf


# AutoGraph would look through the derivative's decorator and call what is within.
@tf.autograph.experimental.do_not_convert
@tf.custom_gradient
def repeat_pixels(images):
    """Doubles height and width by nearest neighbours.

    Args:
        images: `[batch, height, width, channels]`.

    Returns:
        `[batch, 2 * height, 2 * width, channels]`.

    Example:

    >>> repeat_pixels(tf.constant([[[[1.0], [2.0]]]]))[0, ..., 0].numpy().tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """
    size = 2 * tf.shape(images)[1:3]
    outputs = tf.raw_ops.ResizeNearestNeighbor(images=images, size=size, half_pixel_centers=True)
    if None not in images.shape[1:3]:
        outputs = tf.ensure_shape(outputs, [None, 2 * images.shape[1], 2 * images.shape[2], images.shape[3]])
    return outputs, lambda upstream: 4.0 * average_pixels(upstream)


@tf.autograph.experimental.do_not_convert
@tf.custom_gradient
def average_pixels(images):
    """Halves height and width, which must be even, by averages of 2x2 pixels.

    Args:
        images: `[batch, height, width, channels]`.

    Returns:
        `[batch, height / 2, width / 2, channels]`.

    Example:

    >>> average_pixels(tf.constant([[[[1.0], [2.0]], [[3.0], [6.0]]]])).numpy().tolist()
    [[[[3.0]]]]
    """
    return tf.nn.avg_pool2d(images, 2, 2, "VALID"), lambda upstream: 0.25 * repeat_pixels(upstream)
