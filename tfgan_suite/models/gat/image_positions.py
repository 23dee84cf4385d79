"""Where a token's patch lies in the image: sines and cosines that are added, and angles by which pairs are rotated."""

import numpy as np
import tensorflow as tf


def position_codes(rows, columns, width):
    """Sines and cosines of the column, then of the row, of each patch, from left to right and from top to bottom.

    Args:
        rows: Integer >= 1. Patches from top to bottom.
        columns: Integer >= 1. Patches from left to right.
        width: Integer, a multiple of 4. Numbers for each patch.

    Returns:
        float32 array `[rows * columns, width]`.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), appendix D.4, with fixed codes.
    """
    row, column = _places(rows, columns)
    rates = 10_000.0 ** (-np.arange(width // 4) / (width // 4))
    angles = [place[:, None] * rates for place in (column, row)]
    return np.concatenate([f(one) for one in angles for f in (np.sin, np.cos)], axis=1).astype(np.float32)


def rotation_angles(rows, columns, head_size, others=0):
    """Angles of the pairs of neighboring numbers of a head: the first half turns with the row, the second with the column.

    Args:
        rows: Integer >= 1. Patches from top to bottom.
        columns: Integer >= 1. Patches from left to right.
        head_size: Integer, a multiple of 4.
        others: Integer >= 0. Tokens before those of the image, which are not rotated.

    Returns:
        float64 array `[others + rows * columns, head_size / 2]`.

    Reference: Fang et al., "EVA-02: A Visual Representation for Neon Genesis" (2023), section 2.1.
    """
    rates = 10_000.0 ** (-np.arange(head_size // 4) / (head_size // 4))
    angles = np.concatenate([place[:, None] * rates for place in _places(rows, columns)], axis=1)
    return np.concatenate([np.zeros([others, head_size // 2]), angles])


def rotate_neighbors(vectors, angles):
    """Rotates each pair of neighboring numbers, float32 `[..., positions, head_size]`, by the angle of its position."""
    cosines, sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    pairs = tf.reshape(vectors, [*_shape(vectors)[:-1], vectors.shape[-1] // 2, 2])
    first, second = tf.unstack(pairs, axis=-1)
    turned = tf.stack([first * cosines - second * sines, first * sines + second * cosines], axis=-1)
    return tf.reshape(turned, _shape(vectors))


def _shape(tensor):
    known = tensor.shape
    return [tf.shape(tensor)[axis] if size is None else size for axis, size in enumerate(known)]


def _places(rows, columns):
    """Row and column of each patch, two float arrays."""
    row, column = np.indices([rows, columns]).reshape(2, -1).astype(np.float64)
    return row, column
