"""Pixel blitting and geometric transforms: one affine matrix per example, and a single warp."""

import math

import tensorflow as tf

from tfgan_suite.adversarial.augment import matrices
from tfgan_suite.adversarial.augment.resampling import MARGIN, ORIGIN, downsample, upsample
from tfgan_suite.layers.resample import traced_for_xla

BLIT = ("x_flip", "rotate90", "integer_translation")
GEOMETRIC = ("scale", "rotation", "anisotropic_scale", "fractional_translation")


def sample_positions(draws, transforms, probability, height, width):
    """Returns the maps from positions in the output to positions in the input, float32 `[batch, 3, 3]`.

    Positions are (x, y, 1) in pixels from the center, with y pointing down.

    Args:
        draws: The `Draws` of the batch.
        transforms: Names of the enabled transforms. Only geometric transforms count here.
        probability: A float32 scalar. Probability of each transform.
        height: Integer. Height of the images in pixels.
        width: Integer. Width of the images in pixels.

    Reference: Karras et al. (2020), appendix B, algorithm 1. There the matrix maps inputs to outputs and is inverted
    before use; here the inverses are multiplied in the opposite order.
    """

    def chosen(name, value):
        return tf.where(draws.is_open(name, probability), value, 0.0)

    def rotation(index):
        # Two rotations, each with the probability that makes at least one of them as likely as any other transform.
        percentile = draws.values["rotation"][index]
        together = tf.clip_by_value(draws.probability_of("rotation", probability), 0.0, 1.0)
        each = 1.0 - tf.sqrt(1.0 - together)
        return tf.where(draws.gates["rotation"][index] < each, (2.0 * percentile - 1.0) * math.pi, 0.0)

    steps = []
    if "x_flip" in transforms:
        flipped = tf.floor(2.0 * draws.values["x_flip"][0])
        steps.append(matrices.scaling(1.0 - 2.0 * chosen("x_flip", flipped), 1))
    if "rotate90" in transforms:
        turns = tf.floor(4.0 * draws.values["rotate90"][0])
        steps.append(matrices.rotation(0.5 * math.pi * chosen("rotate90", turns)))
    if "integer_translation" in transforms:
        x, y = (
            chosen("integer_translation", tf.round((2.0 * percentile - 1.0) * 0.125 * size))
            for percentile, size in zip(draws.values["integer_translation"], (width, height))
        )
        steps.append(matrices.translation(-x, -y))
    if "scale" in transforms:
        scale = tf.pow(2.0, -0.2 * chosen("scale", draws.values["scale"][0]))
        steps.append(matrices.scaling(scale, scale))
    if "rotation" in transforms:
        steps.append(matrices.rotation(rotation(0)))
    if "anisotropic_scale" in transforms:
        scale = tf.pow(2.0, -0.2 * chosen("anisotropic_scale", draws.values["anisotropic_scale"][0]))
        steps.append(matrices.scaling(scale, 1.0 / scale))
    if "rotation" in transforms:
        steps.append(matrices.rotation(rotation(1)))
    if "fractional_translation" in transforms:
        x, y = (
            chosen("fractional_translation", value * 0.125 * size)
            for value, size in zip(draws.values["fractional_translation"], (width, height))
        )
        steps.append(matrices.translation(-x, -y))
    return matrices.multiply(*steps)


def warp(images, positions):
    """Warps images by affine maps, with bilinear interpolation at double resolution between two low-pass filters.

    Images are extended by reflection beyond their borders. An image whose map is the identity is returned unchanged,
    bit for bit.

    Args:
        images: A float32 tensor of shape `[batch, height, width, channels]`.
        positions: A float32 tensor of shape `[batch, 3, 3]`, from `sample_positions`.

    Returns:
        A tensor with the shape of `images`. It is linear in `images`; no gradient flows to `positions`.

    Reference: Karras et al. (2020), appendix B.
    """
    _, height, width, _ = images.shape
    positions = tf.stop_gradient(positions)
    stays = tf.reduce_all(positions == tf.eye(3), axis=[1, 2])
    rows, columns = _lattice_positions(positions, height, width)
    # Not a nested function inside compiled code: its second derivative would read shapes from its arguments.
    interpolate = _interpolate if traced_for_xla() else _compiled_interpolate
    warped = downsample(interpolate(upsample(images), rows, columns))
    return tf.where(stays[:, None, None, None], images, warped)


def _lattice_positions(positions, height, width):
    """Returns the rows and columns, at double resolution, where the samples before the last filter come from.

    Each is a float32 tensor of shape `[batch, 2 * height + MARGIN, 2 * width + MARGIN]`.
    """
    middle_x, middle_y = width - 1 + ORIGIN, height - 1 + ORIGIN
    x = tf.range(2 * width + MARGIN, dtype=tf.float32)[None, None, :] - middle_x
    y = tf.range(2 * height + MARGIN, dtype=tf.float32)[None, :, None] - middle_y
    (xx, xy, x_shift), (yx, yy, y_shift) = (
        [positions[:, row, column, None, None] for column in range(3)] for row in range(2)
    )
    rows = yx * x + yy * y + (2.0 * y_shift + middle_y)
    columns = xx * x + xy * y + (2.0 * x_shift + middle_x)
    return rows, columns


def _interpolate(images, rows, columns):
    """Interpolates periodic images bilinearly at float positions: `[batch, *positions, channels]`.

    It gathers four times, once per neighbor, which is faster, with its gradients, than gathering all neighbors at once.
    """
    batch_size = tf.shape(images)[0]
    _, height, width, channels = images.shape
    row, next_row, row_weight = _neighbors(rows, height)
    column, next_column, column_weight = _neighbors(columns, width)
    start = (tf.range(batch_size) * (height * width))[:, None, None]
    row, next_row = row * width + start, next_row * width + start
    pixels = tf.reshape(images, [-1, channels])

    def weighted(row, column, weight):
        return tf.gather(pixels, row + column) * weight[..., None]

    return (
        weighted(row, column, (1.0 - row_weight) * (1.0 - column_weight))
        + weighted(row, next_column, (1.0 - row_weight) * column_weight)
        + weighted(next_row, column, row_weight * (1.0 - column_weight))
        + weighted(next_row, next_column, row_weight * column_weight)
    )


# In a graph on the CPU too, where it takes less than half the time because nothing is stored.
_compiled_interpolate = tf.function(_interpolate, jit_compile=True)


def _neighbors(positions, size):
    """Returns the indices below and above, int32, and the weight of the one above."""
    below = tf.floor(positions)
    weight = positions - below
    below = tf.math.floormod(tf.cast(below, tf.int32), size)
    above = below + 1
    return below, tf.where(above == size, 0, above), weight
