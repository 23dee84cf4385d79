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


def convolve_rows(row, kernel, strides, *bias):
    """A convolution along a row, at every position or every 2nd, plus what is to be added.

    Args:
        row: float32 `[width, batch, channels]`.
        kernel: float32 `[columns, 1, channels, filters]`. Of 2 columns the last one is the position itself, of 3 the middle one.
        strides: Integer, 1 or 2.
        *bias: float32, of shapes that can be added.

    Returns:
        float32 `[width / strides, batch, filters]`.
    """
    # The width as the height of an image, so that the batch stays where it is.
    padding = [[0, 0], [1, kernel.shape[0] - 2], [0, 0], [0, 0]]
    outputs = tf.squeeze(tf.nn.conv2d(tf.expand_dims(row, 0), kernel, [1, strides, 1, 1], padding), 0)
    for one in bias:
        outputs += one
    return outputs


def row_kernel(kernel):
    """The kernel for `convolve_rows` of one `[rows, columns, channels, filters]`; the rows are joined along the channels."""
    return tf.concat(tf.split(tf.transpose(kernel, [1, 0, 2, 3]), kernel.shape[0], axis=1), axis=2)


def activate(values):
    """`concat_elu` without its gradient, which would be in the graph for nothing."""
    return tf.nn.elu(tf.concat([values, -values], axis=-1))


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
