"""Homogeneous matrices, one per example of a batch: `[batch, 3, 3]` on the plane, `[batch, 4, 4]` on colors."""

import tensorflow as tf


def multiply(first, *others):
    """Multiplies matrices from left to right, by sums, since an accelerator's matrix unit may round to 10 bits."""
    for other in others:
        first = tf.reduce_sum(first[:, :, :, None] * other[:, None, :, :], axis=2)
    return first


def from_rows(rows):
    """Builds `[batch, n, n]` from rows of numbers and `[batch]` tensors."""
    entries = [entry for row in rows for entry in row]
    batch = tf.shape(next(entry for entry in entries if isinstance(entry, tf.Tensor)))
    numbers = {entry for entry in entries if not isinstance(entry, tf.Tensor)}
    constants = {number: tf.fill(batch, float(number)) for number in numbers}
    entries = [entry if isinstance(entry, tf.Tensor) else constants[entry] for entry in entries]
    return tf.reshape(tf.stack(entries, axis=1), [-1, len(rows), len(rows)])


def translation(x, y):
    return from_rows([[1, 0, x], [0, 1, y], [0, 0, 1]])


def scaling(x, y):
    return from_rows([[x, 0, 0], [0, y, 0], [0, 0, 1]])


def rotation(angle):
    """Rotates by `angle` radians, from the first axis toward the second."""
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return from_rows([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def color_translation(offset):
    """Adds `offset` to each of the three channels."""
    return from_rows([[1, 0, 0, offset], [0, 1, 0, offset], [0, 0, 1, offset], [0, 0, 0, 1]])


def color_scaling(factor):
    return from_rows([[factor, 0, 0, 0], [0, factor, 0, 0], [0, 0, factor, 0], [0, 0, 0, 1]])


def gray_axis(along, across, turned):
    """Linear maps that commute with rotation about the gray axis v = (1, 1, 1) / sqrt(3).

    Args:
        along: Number or `[batch]` tensor. Factor of the component along v.
        across: Number or `[batch]` tensor. Factor of the component perpendicular to v.
        turned: Number or `[batch]` tensor. Factor of the perpendicular component, rotated by 90 degrees about v.
    """
    diagonal = along / 3.0 + across * (2.0 / 3.0)
    beside = (along - across) / 3.0
    turned = turned * 3.0**-0.5  # v x e1 = (e2 - e3) / sqrt(3)
    return from_rows(
        [
            [diagonal, beside - turned, beside + turned, 0],
            [beside + turned, diagonal, beside - turned, 0],
            [beside - turned, beside + turned, diagonal, 0],
            [0, 0, 0, 1],
        ]
    )
