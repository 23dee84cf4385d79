"""What scores see of images with transparency: the image over white, as people see it and `prepare` flattens it."""

import numpy as np
import tensorflow as tf


def over_white(images):
    """Lays images with an alpha channel over white. Usable in graphs.

    Args:
        images: NumPy array or tensor, uint8 or float in [-1, 1], `[batch, height, width, channels]`.

    Returns:
        Of four channels, an array or tensor of the same dtype with three; anything else unchanged.

    Example:

    >>> over_white(np.array([[[[0, 0, 0, 255], [0, 0, 0, 0], [0, 100, 200, 51]]]], "uint8"))[0, 0].tolist()
    [[0, 0, 0], [255, 255, 255], [204, 224, 244]]
    """
    if images.shape[-1] != 4:
        return images
    if isinstance(images, np.ndarray):
        return over_white(tf.constant(images)).numpy()
    if images.dtype == tf.uint8:
        # Exact in integers: a half is rounded up.
        values = tf.cast(images, tf.int32)
        color, alpha = values[..., :3], values[..., 3:]
        return tf.cast((2 * (color * alpha + 255 * (255 - alpha)) + 255) // 510, tf.uint8)
    color, alpha = images[..., :3], (images[..., 3:] + 1.0) / 2.0
    return color * alpha + (1.0 - alpha)
