"""The one place where images change between uint8 (every edge) and float32 in [-1, 1] (inside)."""

import tensorflow as tf


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Maps uint8 [0, 255] to float32 [-1, 1], any shape."""
    return tf.cast(images, tf.float32) * (1.0 / 127.5) - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Maps float [-1, 1] to uint8 [0, 255] by rounding to nearest; values outside are clipped. Any shape."""
    return tf.cast(tf.clip_by_value(tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
