"""Doubles and halves the resolution with an orthogonal wavelet, on images extended indefinitely by reflection.

A signal that is reflected at both ends has a period of `2 * (size - 1)` samples, and one period at double resolution
contains all of it. The reach of a warp therefore needs no bound, and its shapes are static. The filter along each axis
is a product with one matrix, which is faster than a convolution with three channels, and is the same under XLA.
"""

import functools

import numpy as np
import tensorflow as tf

from tfgan_suite.adversarial.augment.wavelets import SYM6

_TAPS = len(SYM6)
# Number of samples that the halved resolution needs beyond twice the size.
MARGIN = _TAPS - 2
# Position of input pixel 0 at double resolution: the filter's largest tap, about which it is nearly symmetric.
ORIGIN = int(np.argmax(SYM6))
# Longer axes are processed in blocks of this many pixels; otherwise, the matrix would grow with the square of the size.
_BLOCK = 128


def period(size):
    """Returns the number of samples in one period at double resolution."""
    return 4 * (size - 1)


def reflect(positions, size):
    """Returns indices into a signal that is extended by reflection, without repeating its ends."""
    positions = np.abs(positions) % (2 * (size - 1))
    return np.minimum(positions, 2 * (size - 1) - positions)


def upsample(images):
    """Doubles the resolution.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`, with a height and width of at least 2.

    Returns:
        A tensor of shape `[batch, period(height), period(width), channels]`, with pixel k at position `2 * k + ORIGIN`
        along each axis.
    """
    _, height, width, _ = images.shape
    images = _upsampling(width)(swap_axes(images))  # [batch, period(width), height, channels]
    return _upsampling(height)(swap_axes(images))


def downsample(images):
    """Halves the resolution: the inverse of `upsample`, and its adjoint except for the reflection.

    Args:
        images: A tensor of shape `[batch, 2 * height + MARGIN, 2 * width + MARGIN, channels]`.

    Returns:
        A tensor of shape `[batch, height, width, channels]`.
    """
    _, height, width, _ = images.shape
    images = _downsampling((height - MARGIN) // 2)(images)
    images = _downsampling((width - MARGIN) // 2)(swap_axes(images))  # [batch, width, height, channels]
    return swap_axes(images)


def swap_axes(images):
    """Transposes `[batch, height, width, channels]` to `[batch, width, height, channels]`, and back."""
    return tf.transpose(images, [0, 2, 1, 3])


def filter_height(images, matrix):
    """Filters to `[batch, new_height, width, channels]` by `matrix`, `[new_height, height]` or one per example."""
    _, height, width, channels = images.shape
    columns = tf.matmul(matrix, tf.reshape(images, [-1, height, width * channels]))
    return tf.reshape(columns, [-1, matrix.shape[-2], width, channels])


class _AxisFilter:
    """A linear map along the height: each block of outputs is one matrix times a range of inputs.

    Args:
        positions: Integer array of shape `[blocks, stretch]`. Input indices of each block.
        matrix: Float array of shape `[outputs per block, stretch]`. The matrix that all blocks share.
        length: Integer. Number of outputs. The rest of the last block is dropped.
    """

    def __init__(self, positions, matrix, length):
        self.positions = positions
        self.matrix = matrix.astype(np.float32)
        self.length = length

    def __call__(self, images):
        blocks, stretch = self.positions.shape
        if blocks == 1:
            return filter_height(images, tf.constant(self.matrix, images.dtype))
        _, _, width, channels = images.shape
        images = tf.gather(images, self.positions.reshape(-1), axis=1)
        images = tf.reshape(images, [-1, stretch, width, channels])  # [batch * blocks, ...]
        images = filter_height(images, tf.constant(self.matrix, images.dtype))
        return tf.reshape(images, [-1, blocks * len(self.matrix), width, channels])[:, : self.length]


@functools.lru_cache(maxsize=64)
def _upsampling(size):
    """Output m is the sum over k of sqrt(2) h[m - 2 k] x[k], with a gain of 2, since every other sample is new."""
    pixels = min(2 * (size - 1), _BLOCK)  # Per block, which has twice as many outputs.
    matrix = np.zeros([2 * pixels, pixels + _TAPS // 2 - 1])
    for output in range(2 * pixels):
        for tap in range(output % 2, _TAPS, 2):
            matrix[output, (output - tap) // 2 + _TAPS // 2 - 1] = np.sqrt(2.0) * SYM6[tap]
    starts = np.arange(0, 2 * (size - 1), pixels)
    positions = starts[:, None] + np.arange(matrix.shape[1]) - (_TAPS // 2 - 1)
    return _folded(_AxisFilter(reflect(positions, size), matrix, period(size)), size)


@functools.lru_cache(maxsize=64)
def _downsampling(size):
    """Output k is the sum over m of h[m - 2 k] y[m] / sqrt(2), with a gain of 1."""
    outputs = min(size, _BLOCK)
    matrix = np.zeros([outputs, 2 * outputs + MARGIN])
    for output in range(outputs):
        matrix[output, 2 * output : 2 * output + _TAPS] = SYM6 / np.sqrt(2.0)
    positions = 2 * np.arange(0, size, outputs)[:, None] + np.arange(matrix.shape[1])
    length = 2 * size + MARGIN
    return _folded(_AxisFilter(np.minimum(positions, length - 1), matrix, size), length)


def _folded(axis_filter, size):
    """Makes a filter of one block read the signal directly, by adding up the entries for the same input."""
    if len(axis_filter.positions) > 1:
        return axis_filter
    matrix = np.zeros([len(axis_filter.matrix), size])
    np.add.at(matrix, (slice(None), axis_filter.positions[0]), axis_filter.matrix)
    return _AxisFilter(np.arange(size)[None], matrix, axis_filter.length)
