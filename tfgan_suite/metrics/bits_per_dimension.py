"""Negative log-likelihoods in bits per dimension, for models that have a likelihood."""

import math

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_images


def bits_per_dimension(
    negative_log_likelihood: object, image_shape: tuple[int, ...], *, levels: int = 256, value_range: float = 2.0
) -> np.ndarray:
    """Turns the negative log of a density of scaled, dequantised images into bits per dimension of whole levels.

    A density over levels 0 to 255 that were scaled to a range of 2 is `(256 / 2)^dimensions` times as high as over the
    levels themselves, which is taken back here. What comes out bounds the code length of the images from above if they were
    dequantised with uniform noise. 8 is what the uniform density gets.

    Args:
        negative_log_likelihood: In nats, floating point, of each image: any shape.
        image_shape: `(height, width, channels)`.
        levels: Whole levels of a pixel.
        value_range: Length of the interval that they were scaled to: 2 for [-1, 1], 1 for [0, 1], 256 for none.

    Returns:
        float64 of the same shape.

    Raises:
        UserError: NaN, infinity, or an argument out of range.

    Example:

    >>> float(bits_per_dimension(12 * np.log(2.0), (2, 2, 3)))  # Uniform on [-1, 1]: a density of 1 / 2.
    8.0

    Reference: Theis, van den Oord and Bethge 2016, "A note on the evaluation of generative models", section 3.1.
    """
    nats = np.asarray(negative_log_likelihood)
    if not np.issubdtype(nats.dtype, np.floating) or not np.isfinite(nats).all():
        raise UserError(
            f"Expected finite floating-point log-likelihoods. Received: dtype {nats.dtype}, or NaN or infinity."
        )
    if not image_shape or min(image_shape) < 1 or levels < 2 or value_range <= 0:
        raise UserError(
            "Expected an image_shape of numbers >= 1, levels >= 2 and value_range > 0. Received: "
            f"image_shape={tuple(image_shape)}, levels={levels}, value_range={value_range}."
        )
    return (nats.astype(np.float64) / math.prod(image_shape) + math.log(levels / value_range)) / math.log(2.0)


def dequantize(images: object, seed: int = 0) -> np.ndarray:
    """Whole levels with uniform noise on them: a continuous variable whose density bounds the levels' likelihood.

    Args:
        images: uint8 [count, height, width, 1 or 3]. Array or tensor.
        seed: Of the noise.

    Returns:
        float32 of the same shape in [-1, 1): `(level + noise in [0, 1)) / 128 - 1`.

    Raises:
        UserError: The images are of another type or shape.

    Example:

    >>> values = dequantize(np.full([1, 2, 2, 1], 255, "uint8"))
    >>> bool((values >= 255 / 128 - 1).all() and (values < 1).all())
    True
    """
    images = check_images(images, "images")
    if images.dtype != np.uint8:
        raise UserError(f"Expected uint8 images in [0, 255]. Received dtype {images.dtype}.")
    # Multiples of 2^-16 below 1: float32 holds the sum with any level exactly.
    noise = np.random.default_rng(seed).integers(0, 2**16, images.shape) / 2**16
    return ((images + noise) / 128.0 - 1.0).astype(np.float32)
