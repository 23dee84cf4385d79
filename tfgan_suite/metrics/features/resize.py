"""Resizes images for a feature extractor, in the graph, exactly as Pillow and TensorFlow 1 do."""

import numpy as np
import tensorflow as tf

BICUBIC_DESCRIPTION = "bicubic (a=-0.5), antialiased, rounded to uint8 after each axis, as Pillow"
UNROUNDED_BICUBIC_DESCRIPTION = "clean: bicubic (a=-0.5), antialiased, not rounded, as Pillow on floats"
TENSORFLOW_1_DESCRIPTION = "legacy_tensorflow: bilinear of TensorFlow 1, corners at pixel centres, not antialiased"
_SUPPORT = 2.0  # The cubic kernel is zero beyond two pixels.


def resize_bilinear_tensorflow_1(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes images like `tf.image.resize_bilinear` of TensorFlow 1, which published FIDs use.

    Output pixel i is interpolated at the input position i * from_size / to_size (without the half-pixel offset that
    newer code applies on both sides), between its two neighbors only. It therefore aliases when images shrink, and
    shifts them by up to half a pixel.

    Args:
        images: Tensor [batch, height, width, channels] of any numeric type.
        height: Integer. Height of the result in pixels.
        width: Integer. Width of the result in pixels.

    Returns:
        Float32 tensor [batch, height, width, channels].
    """
    return tf.raw_ops.ResizeBilinear(
        images=tf.cast(images, tf.float32), size=[height, width], align_corners=False, half_pixel_centers=False
    )


def resize_bicubic(images: tf.Tensor, height: int, width: int, *, rounded: bool = True) -> tf.Tensor:
    """Resizes images with antialiased bicubic interpolation, like `PIL.Image.resize(..., Image.BICUBIC)`.

    When images shrink, the filter is widened by the scale, which prevents aliasing. As in Pillow, columns are resized
    first, and the result is rounded to whole levels after each axis, so images resized by Pillow beforehand yield the
    same features. (Pillow sums in 22-bit fixed point, so up to three in a thousand pixels of a photograph differ by one
    level.) Each axis is a single matrix product, which is fast on all devices, and the same in all versions of
    TensorFlow.

    Args:
        images: uint8 tensor [batch, height, width, channels]. Height, width, and channels must be known when the graph
            is built.
        height: Integer. Height of the result in pixels.
        width: Integer. Width of the result in pixels.
        rounded: Boolean. Whether to round to whole levels after each axis. If false, images are resized as Pillow
            resizes float images (mode "F", each channel separately), which overshoots at edges, and clipped to [0, 255]
            at the end.

    Returns:
        Float32 tensor [batch, height, width, channels] in [0, 255], with whole numbers if `rounded` is true.

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
    """Returns the weights of each input pixel in each output pixel along one axis, float32 [to_size, from_size]."""
    scale = from_size / to_size
    filter_scale = max(scale, 1.0)  # For antialiasing, the kernel is never narrower than an output pixel.
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
