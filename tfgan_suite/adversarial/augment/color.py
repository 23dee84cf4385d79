"""Color transforms: one 4x4 matrix per example."""

import math

import tensorflow as tf

from tfgan_suite.adversarial.augment import matrices

COLOR = ("brightness", "contrast", "luma_flip", "hue", "saturation")


def color_matrix(draws, transforms, probability):
    """Returns the matrices that map (red, green, blue, 1) in [-1, 1] to the new color, float32 `[batch, 4, 4]`.

    Args:
        draws: The `Draws` of the batch.
        transforms: Names of the enabled transforms. Only color transforms count here.
        probability: A float32 scalar. Probability of each transform.

    Reference: Karras et al. (2020), appendix B, algorithm 1.
    """

    def chosen(name, parameter=lambda value: value):
        """Returns a transform's parameter as a function of its draw; 0 means no change."""
        return tf.where(draws.is_open(name, probability), parameter(draws.values[name][0]), 0.0)

    steps = []  # In the order in which they are applied.
    if "brightness" in transforms:
        steps.append(matrices.color_translation(chosen("brightness", lambda z: 0.2 * z)))
    if "contrast" in transforms:
        steps.append(matrices.color_scaling(tf.pow(2.0, 0.5 * chosen("contrast"))))
    if "luma_flip" in transforms:
        steps.append(matrices.gray_axis(1.0 - 2.0 * chosen("luma_flip", lambda u: tf.floor(2.0 * u)), 1.0, 0.0))
    if "hue" in transforms:
        angle = chosen("hue", lambda u: (2.0 * u - 1.0) * math.pi)
        steps.append(matrices.gray_axis(1.0, tf.cos(angle), tf.sin(angle)))
    if "saturation" in transforms:
        steps.append(matrices.gray_axis(1.0, tf.pow(2.0, chosen("saturation")), 0.0))
    return matrices.multiply(*steps[::-1])


def recolor(images, matrix):
    """Applies a color matrix to each example.

    Args:
        images: A float32 tensor of shape `[batch, height, width, channels]`, with 1, 3, or 4 channels. A fourth channel
            is not a color and stays unchanged. A grayscale image is treated as three equal channels, and the mean of
            the results is its new gray value.
        matrix: A float32 tensor of shape `[batch, 4, 4]`.

    Returns:
        A tensor with the shape of `images`.
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
