"""Bits per dimension: negative log-likelihoods of examples, on a scale that does not depend on their size."""

import math

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.example_means import mean_and_standard_error
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_images
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def bits_per_dimension(
    negative_log_likelihood: object, image_shape: tuple[int, ...], *, levels: int = 256, value_range: float = 2.0
) -> np.ndarray:
    """Turns the negative log of a density of scaled, dequantized images into bits per dimension of whole levels.

    A density over levels 0 to 255 that were scaled to a range of 2 is `(256 / 2)^dimensions` times as high as over the
    levels themselves, which is taken back here. The result bounds the code length of the images from above if they were
    dequantized with uniform noise. The uniform density gets 8. For the probability of whole levels themselves, give
    `value_range=levels`.

    Args:
        negative_log_likelihood: Float array of any shape. The negative log-likelihood of each image, in nats.
        image_shape: Tuple of integers, `(height, width, channels)`.
        levels: Integer >= 2. Whole levels of a pixel.
        value_range: Float > 0. The length of the interval that they were scaled to: 2 for [-1, 1], 1 for [0, 1], 256 for
            none.

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
            "`negative_log_likelihood` must be finite and floating-point. Received: "
            f"dtype {nats.dtype}, or NaN or infinity"
        )
    if not image_shape or min(image_shape) < 1 or levels < 2 or value_range <= 0:
        raise UserError(
            "`image_shape` must be of numbers >= 1, `levels` >= 2 and `value_range` > 0. Received: "
            f"image_shape={tuple(image_shape)}, levels={levels}, value_range={value_range}"
        )
    return (nats.astype(np.float64) / math.prod(image_shape) + math.log(levels / value_range)) / math.log(2.0)


def dequantize(images: object, seed: int = 0) -> np.ndarray:
    """Whole levels with uniform noise on them: a continuous variable whose density bounds the levels' likelihood.

    Args:
        images: uint8 `[count, height, width, 1, 3 or 4]`. Array or tensor.
        seed: Integer. The seed of the noise.

    Returns:
        float32 of the same shape in [-1, 1): `(level + noise in [0, 1)) / 128 - 1`.

    Raises:
        UserError: The images have another type or shape.

    Example:

    >>> values = dequantize(np.full([1, 2, 2, 1], 255, "uint8"))
    >>> bool((values >= 255 / 128 - 1).all() and (values < 1).all())
    True
    """
    images = check_images(images, "images", flatten=False)
    if images.dtype != np.uint8:
        raise UserError(f"`images` must be uint8, in [0, 255]. Received: dtype {images.dtype}")
    # Multiples of 2^-16 below 1: float32 holds the sum with any level exactly.
    noise = np.random.default_rng(seed).integers(0, 2**16, images.shape) / 2**16
    return ((images + noise) / 128.0 - 1.0).astype(np.float32)


class BitsPerDimension(Metric):
    """The mean negative log-likelihood of real examples in bits per dimension, with its standard error.

    For models that `HasLikelihood`. Their `log_prob` is that of the example as it is stored: the probability of its whole
    levels where it has such, or else a density. The row says whether it is exact or a lower bound of it, which makes the
    bits an upper bound.

    Args:
        samples: Integer >= 1. Samples for each lower bound; of no effect where the likelihood is exact.

    Example: 2 of 4 pixels are free, each of 256 levels alike.

    >>> metric = BitsPerDimension()
    >>> examples = np.zeros([3, 2, 2, 1], "uint8")
    >>> metric.update_real(Activations(examples=examples, likelihoods=np.full([3], -2 * np.log(256.0))))
    >>> metric.result()
    (4.0, 0.0)

    Reference: Theis, van den Oord and Bethge 2016, "A note on the evaluation of generative models", section 3.1.
    """

    name = "bits_per_dimension"
    inputs = frozenset({"examples", "likelihoods"})
    std_over = "standard error"

    def __init__(self, samples: int = 1):
        self.likelihood_samples = check_count(samples, "samples", None)
        self._bits: list[np.ndarray] = []

    @property
    def settings(self) -> dict[str, int]:
        return {"samples": self.likelihood_samples}

    def update_real(self, activations: Activations) -> None:
        shape = activations.examples.shape[1:]
        # Levels that nothing has scaled: the likelihood is that of the example as it is stored.
        self._bits.append(bits_per_dimension(-activations.likelihoods, shape, levels=256, value_range=256))

    def result(self) -> tuple[float, float]:
        return mean_and_standard_error(np.concatenate(self._bits))
