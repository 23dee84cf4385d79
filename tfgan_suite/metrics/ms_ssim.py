"""MS-SSIM of pairs of generated images: high where they look alike, so that a collapse shows."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_images
from tfgan_suite.metrics.numerics.image_pairs import ImagePairMetric, random_pairs
from tfgan_suite.specs.image_range import to_uint8

# Weights of the five scales (Wang et al. 2003, section 3.2), and the side of the window at each.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_BATCH_PAIRS = 64


def ms_ssim(images_a: object, images_b: object) -> np.ndarray:
    """Multi-scale structural similarity of pairs of images, on whole levels 0 to 255.

    Five scales need 161 pixels a side: each halves the one before, rounded up, and keeps 11 pixels. Smaller images have as
    many scales as do (21: two, 41: three, 81: four), their weights normalized to a sum of one. Values of different numbers
    of scales do not compare.

    Args:
        images_a: uint8 in [0, 255] or floating point in [-1, 1], `[count, height, width, 1 or 3]`. Array or tensor.
        images_b: Images of the same shape.

    Returns:
        float32 `[count]`: 1 for equal images.

    Raises:
        UserError: Images have other shapes, types or ranges, or smaller than 11 pixels.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> ms_ssim(images, images).tolist()
    [1.0, 1.0]

    Reference: Wang, Simoncelli and Bovik 2003, "Multi-Scale Structural Similarity for Image Quality Assessment".
    """
    images_a, images_b = (check_images(images, "images", minimum_size=_WINDOW) for images in (images_a, images_b))
    if images_a.shape != images_b.shape:
        raise UserError(
            f"`images_a` and `images_b` must have one shape. Received: {images_a.shape} and {images_b.shape}"
        )
    return np.concatenate(
        [
            _similarity(*(_as_levels(images[start : start + _BATCH_PAIRS]) for images in (images_a, images_b)))
            for start in range(0, len(images_a), _BATCH_PAIRS)
        ]
    )


def ms_ssim_diversity(
    images: object, num_pairs: int = 10_000, *, labels: object = None, seed: int = 0
) -> tuple[float, float]:
    """Mean MS-SSIM over random pairs of generated images: the lower, the more varied.

    It means something only between images of one size, and next to the value of real images: noise is varied as well.

    Args:
        images: As in `ms_ssim`, two or more.
        num_pairs: Integer >= 1. ProGAN takes 10,000 pairs, AC-GAN 100 of each class.
        labels: Integers `[count]`, or `None`. With labels, pairs are within a class, as in AC-GAN.
        seed: Integer. The seed of the draw of pairs.

    Returns:
        Mean, and standard deviation over the pairs.

    Raises:
        UserError: As in `ms_ssim`; or fewer than two images (of a class), or no pairs.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), np.uint8)
    >>> mean, deviation = ms_ssim_diversity(images, num_pairs=20)
    >>> mean < 0.5
    True

    Reference: Odena, Olah and Shlens 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs", section 4.2;
    Karras et al. 2018, "Progressive Growing of GANs", section 6.1.
    """
    images = check_images(images, "images", minimum_images=2, minimum_size=_WINDOW)
    first, second = random_pairs(len(images), num_pairs, seed, labels)
    scores = ms_ssim(images[first], images[second])
    return float(scores.mean(dtype=np.float64)), float(scores.std(dtype=np.float64))


def _as_levels(images: np.ndarray) -> tf.Tensor:
    """float32 in [0, 255]."""
    return tf.cast(images if images.dtype == np.uint8 else to_uint8(images), tf.float32)


def _similarity(images_a: tf.Tensor, images_b: tf.Tensor) -> np.ndarray:
    num_scales = _num_scales(min(images_a.shape[1:3]))
    weights = np.array(_SCALE_WEIGHTS[:num_scales])
    weights = tuple((weights / weights.sum() if num_scales < len(_SCALE_WEIGHTS) else weights).tolist())
    return tf.image.ssim_multiscale(images_a, images_b, 255.0, weights, filter_size=_WINDOW).numpy()


def _num_scales(side: int) -> int:
    """The scales at which the window fits, five at most."""
    num_scales = 0
    while side >= _WINDOW and num_scales < len(_SCALE_WEIGHTS):
        side, num_scales = (side + 1) // 2, num_scales + 1
    return num_scales


class MultiScaleSimilarity(ImagePairMetric):
    """`ms_ssim_diversity` for `evaluate`, without regard to classes.

    Args:
        num_pairs: Integer >= 1. As in `ms_ssim_diversity`; fewer than the papers', for its time on a CPU.

    Example:

    >>> metric = MultiScaleSimilarity(num_pairs=4)
    >>> metric.update_fake(tg.metrics.Activations(examples=np.zeros([3, 16, 16, 1], "uint8")))
    >>> metric.result()
    (1.0, 0.0)
    """

    name = "ms_ssim"

    def __init__(self, num_pairs: int = 1000):
        super().__init__(num_pairs)

    def score_pairs(self, images: np.ndarray) -> np.ndarray:
        first, second = random_pairs(len(images), self.num_pairs, seed=0)
        return ms_ssim(images[first], images[second])
