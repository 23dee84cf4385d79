"""The one place where images change between uint8 (every edge) and float32 in [-1, 1] (inside)."""

import tensorflow as tf


def to_float(images: tf.Tensor, levels: int = 256) -> tf.Tensor:
    """Maps uint8 [0, levels - 1] to float32 [-1, 1], any shape."""
    return tf.cast(images, tf.float32) * (2.0 / (levels - 1)) - 1.0


def to_uint8(images: tf.Tensor, levels: int = 256) -> tf.Tensor:
    """Maps float [-1, 1] to uint8 [0, levels - 1] by rounding to nearest; values outside are clipped. Any shape."""
    largest = levels - 1.0
    values = tf.round((tf.cast(images, tf.float32) + 1.0) * (largest / 2.0))
    return tf.cast(tf.clip_by_value(values, 0.0, largest), tf.uint8)
