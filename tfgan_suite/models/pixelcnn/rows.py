"""Rows of images in sampling, `[width, batch, channels]`: a pixel of all images is one piece of memory."""

import tensorflow as tf


def product(values, kernel, *bias):
    """`values @ kernel` of pixels `[batch, in]` or rows `[width, batch, in]`, plus what is to be added."""
    outputs = tf.matmul(tf.reshape(values, [-1, values.shape[-1]]), kernel)
    if values.shape.rank == 3:
        outputs = tf.reshape(outputs, [values.shape[0], -1, kernel.shape[-1]])
    for one in bias:
        outputs += one
    return outputs


def taps(row, columns, strides=1):
    """What a kernel of 2 or 3 columns sees of a row at each position, `[width / strides, batch, columns * channels]`.

    Of 2 the last one is the position itself, of 3 the middle one.
    """
    count = row.shape[0] // strides
    padded = tf.pad(row, [[1, columns - 2], [0, 0], [0, 0]])
    last = strides * (count - 1) + 1
    return tf.concat([padded[first : first + last : strides] for first in range(columns)], axis=-1)


def zero_rows(width, batch_size, channels):
    return tf.zeros([width, batch_size, channels])


def interleave(pairs):
    """Rows `[width, batch, 2 * channels]` of pairs of pixels as `[2 * width, batch, channels]`."""
    even, odd = tf.split(pairs, 2, axis=-1)
    width, _, channels = pairs.shape
    return tf.reshape(tf.stack([even, odd], axis=1), [2 * width, -1, channels // 2])


def batch_is_open(values):
    """The shapes of loop variables, of which the axis before the last one is a batch of any size."""

    def shape_of(value):
        if isinstance(value, tf.TensorArray):
            return tf.TensorShape(None)
        shape = value.shape.as_list()
        return tf.TensorShape([None if axis == len(shape) - 2 else size for axis, size in enumerate(shape)])

    return tf.nest.map_structure(shape_of, values)
