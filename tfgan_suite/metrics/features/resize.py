"""Resizing images for a feature extractor, in the graph, exactly as Pillow and as TensorFlow 1 do it."""

import numpy as np
import tensorflow as tf

BICUBIC_DESCRIPTION = "bicubic (a=-0.5), antialiased, rounded to uint8 after each axis, as Pillow"
UNROUNDED_BICUBIC_DESCRIPTION = "clean: bicubic (a=-0.5), antialiased, not rounded, as Pillow on floats"
TENSORFLOW_1_DESCRIPTION = "legacy_tensorflow: bilinear of TensorFlow 1, corners at pixel centres, not antialiased"
_SUPPORT = 2.0  # The cubic kernel is zero beyond two pixels.


def resize_bilinear_tensorflow_1(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes as `tf.image.resize_bilinear` of TensorFlow 1 did, which is what published FIDs went through.

    Output pixel i looks at input position i * from_size / to_size (without the half pixel that newer code adds on both
    sides), between its two neighbours only: it aliases when images shrink, and moves them by up to half a pixel.

    Args:
        images: [batch, height, width, channels], any numeric type.
        height: Of the result, pixels.
        width: Of the result, pixels.

    Returns:
        float32 [batch, height, width, channels].
    """
    return tf.raw_ops.ResizeBilinear(
        images=tf.cast(images, tf.float32), size=[height, width], align_corners=False, half_pixel_centers=False
    )


def resize_bicubic(images: tf.Tensor, height: int, width: int, *, rounded: bool = True) -> tf.Tensor:
    """Resizes by antialiased bicubic interpolation, equal to `PIL.Image.resize(..., Image.BICUBIC)`.

    The filter is wider by the scale when images shrink, so nothing is aliased. As in Pillow, columns come first and
    both axes round to whole levels, so a set that was resized by Pillow beforehand gives the same features. (Pillow
    sums in 22-bit fixed point: up to three pixels in a thousand of a photograph differ by one level.) Each axis is one matrix
    product, which is fast on every device and the same in every version of TensorFlow.

    Args:
        images: uint8 [batch, height, width, channels]; height, width and channels are known when the graph is built.
        height: Of the result, pixels.
        width: Of the result, pixels.
        rounded: Whether both axes round to whole levels. Otherwise it is Pillow's resize of float images (mode "F",
            each channel apart), which overshoots at edges and is cut to [0, 255] at the end.

    Returns:
        float32 [batch, height, width, channels], in [0, 255]; whole numbers if `rounded`.

    Reference: Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation".
    """
    _, from_height, from_width, channels = images.shape
    planes = tf.transpose(tf.cast(images, tf.float32), [0, 3, 1, 2])
    if from_width != width:  # [batch * channels * from_height, from_width] x [from_width, width]
        weights = tf.constant(_axis_weights(from_width, width).T)
        planes = _round_to_levels(tf.reshape(planes, [-1, from_width]) @ weights, rounded)
    planes = tf.reshape(planes, [-1, from_height, width])
    if from_height != height:  # [height, from_height] x [batch * channels, from_height, width]
        planes = _round_to_levels(tf.linalg.matmul(tf.constant(_axis_weights(from_height, height)), planes), rounded)
    planes = tf.clip_by_value(planes, 0.0, 255.0)
    return tf.transpose(tf.reshape(planes, [-1, channels, height, width]), [0, 2, 3, 1])


def _round_to_levels(planes: tf.Tensor, rounded: bool) -> tf.Tensor:
    return tf.clip_by_value(tf.floor(planes + 0.5), 0.0, 255.0) if rounded else planes


def _axis_weights(from_size: int, to_size: int) -> np.ndarray:
    """Weights float32 [to_size, from_size] of each input pixel in each output pixel along one axis."""
    scale = from_size / to_size
    filter_scale = max(scale, 1.0)  # Antialiasing: the kernel never gets narrower than an output pixel.
    radius = _SUPPORT * filter_scale
    centers = (np.arange(to_size) + 0.5) * scale
    first = np.maximum((centers - radius + 0.5).astype(int), 0)
    last = np.minimum((centers + radius + 0.5).astype(int), from_size)
    positions = np.arange(from_size)
    distances = np.abs(positions[None, :] + 0.5 - centers[:, None]) / filter_scale
    weights = np.where((positions >= first[:, None]) & (positions < last[:, None]), _cubic_kernel(distances), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _cubic_kernel(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution with a = -0.5; `distance` >= 0."""
    near = (1.5 * distance - 2.5) * distance * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return np.where(distance < 1.0, near, np.where(distance < _SUPPORT, far, 0.0))
