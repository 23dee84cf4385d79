"""Doubling by repeating pixels and halving by averaging them: each is the other's transpose, up to a factor.

They are written as each other's derivatives, since TensorFlow's own gradient of image resizing does not compile under
XLA.
"""

import tensorflow as tf


# AutoGraph would otherwise see through the derivative's decorator and call the function inside it.
@tf.autograph.experimental.do_not_convert
@tf.custom_gradient
def repeat_pixels(images):
    """Doubles the height and width by nearest-neighbor upsampling.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`.

    Returns:
        A tensor of shape `[batch, 2 * height, 2 * width, channels]`.

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
    """Halves the height and width, which must be even, by averaging blocks of 2x2 pixels.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`.

    Returns:
        A tensor of shape `[batch, height / 2, width / 2, channels]`.

    Example:

    >>> average_pixels(tf.constant([[[[1.0], [2.0]], [[3.0], [6.0]]]])).numpy().tolist()
    [[[[3.0]]]]
    """
    return tf.nn.avg_pool2d(images, 2, 2, "VALID"), lambda upstream: 0.25 * repeat_pixels(upstream)
