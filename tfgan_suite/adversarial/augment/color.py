"""Colour transforms: one 4x4 matrix for each example."""

import math

import tensorflow as tf

from tfgan_suite.adversarial.augment import matrices

COLOR = ("brightness", "contrast", "luma_flip", "hue", "saturation")


def color_matrix(draws, transforms, probability):
    """Maps (red, green, blue, 1) in [-1, 1] to the new colour: float32 `[batch, 4, 4]`.

    Args:
        draws: `Draws`.
        transforms: Names of those that are enabled; others than colour transforms do not count.
        probability: Of each transform, float32 scalar.

    Reference: Karras et al. (2020), appendix B, algorithm 1.
    """

    def chosen(name, parameter=lambda value: value):
        """A transform's parameter as a function of its draw; 0 is no change."""
        return tf.where(draws.is_open(name, probability), parameter(draws.values[name][0]), 0.0)

    steps = []  # From the first to the last.
    if "brightness" in transforms:
        steps.append(matrices.color_translation(chosen("brightness", lambda z: 0.2 * z)))
    if "contrast" in transforms:
        steps.append(matrices.color_scaling(tf.pow(2.0, 0.5 * chosen("contrast"))))
    if "luma_flip" in transforms:
        steps.append(matrices.grey_axis(1.0 - 2.0 * chosen("luma_flip", lambda u: tf.floor(2.0 * u)), 1.0, 0.0))
    if "hue" in transforms:
        angle = chosen("hue", lambda u: (2.0 * u - 1.0) * math.pi)
        steps.append(matrices.grey_axis(1.0, tf.cos(angle), tf.sin(angle)))
    if "saturation" in transforms:
        steps.append(matrices.grey_axis(1.0, tf.pow(2.0, chosen("saturation")), 0.0))
    return matrices.multiply(*steps[::-1])


def recolor(images, matrix):
    """Applies a colour matrix to each example.

    Args:
        images: float32 `[batch, height, width, channels]` with 3 channels, 4 whose last is no colour and stays, or 1: a
            grey image goes through as three equal channels, and the mean of what comes out is its new grey.
        matrix: float32 `[batch, 4, 4]`.
    """
    _, height, width, channels = images.shape
    linear, offset = matrix[:, :3, :3], matrix[:, :3, 3]
    if channels == 1:
        factor = tf.reduce_sum(linear, axis=[1, 2]) / 3.0
        return images * factor[:, None, None, None] + tf.reduce_mean(offset, axis=1)[:, None, None, None]
    if channels == 4:
        linear = tf.pad(linear, [[0, 0], [0, 1], [0, 1]]) + tf.linalg.diag([0.0, 0.0, 0.0, 1.0])
        offset = tf.pad(offset, [[0, 0], [0, 1]])
    pixels = tf.reshape(images, [-1, height * width, channels])
    pixels = tf.matmul(pixels, linear, transpose_b=True) + offset[:, None, :]
    return tf.reshape(pixels, [-1, height, width, channels])
