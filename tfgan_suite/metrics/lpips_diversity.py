"""LPIPS diversity: how different generated images look from each other."""

import numpy as np

from tfgan_suite.metrics.lpips import LPIPS, shared_lpips
from tfgan_suite.metrics.numerics.feature_checks import check_images
from tfgan_suite.metrics.numerics.image_pairs import ImagePairMetric, random_pairs

_BATCH_PAIRS = 32


def lpips_diversity(
    images: object, num_pairs: int = 1000, *, labels: object = None, seed: int = 0, distance: LPIPS | None = None
) -> tuple[float, float]:
    """Mean LPIPS distance over random pairs of generated images: 0 for a collapsed generator.

    It means something only next to the value of real images: noise is varied as well.

    Args:
        images: uint8 in [0, 255] or floating point in [-1, 1], `[count, height, width, 1 or 3]`, two or more. Array or
            tensor.
        num_pairs: Integer >= 1. Pairs, drawn with replacement.
        labels: Integers `[count]`, or `None`. With labels, pairs are within a class.
        seed: Integer. The seed of the draw of pairs.
        distance: An `LPIPS`; by default one that is kept from the first call on.

    Returns:
        Mean, and standard deviation over the pairs.

    Raises:
        MissingExtraError: The package with the weights is not installed.
        UserError: Images have other shapes, types or ranges; fewer than two (of a class), or no pairs.

    Example:

    >>> noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    >>> mean, deviation = lpips_diversity(noise, num_pairs=3)

    Reference: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"; as a measure
    of variety: Zhu et al. 2017, "Toward Multimodal Image-to-Image Translation", section 4.
    """
    images = check_images(images, "images", minimum_images=2)
    scores = _pair_distances(images, random_pairs(len(images), num_pairs, seed, labels), distance or shared_lpips())
    return float(scores.mean(dtype=np.float64)), float(scores.std(dtype=np.float64))


def _pair_distances(images: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], distance: LPIPS) -> np.ndarray:
    batches = [slice(start, start + _BATCH_PAIRS) for start in range(0, len(pairs[0]), _BATCH_PAIRS)]
    return np.concatenate([distance(images[pairs[0][rows]], images[pairs[1][rows]]).numpy() for rows in batches])


class LPIPSDiversity(ImagePairMetric):
    """`lpips_diversity` for `evaluate`, without regard to classes. The row names the network and its weights' hash.

    Args:
        num_pairs: Integer >= 1. As in `lpips_diversity`.
        distance: An `LPIPS`. As in `lpips_diversity`.

    Example:

    >>> metric = LPIPSDiversity(num_pairs=2)
    >>> metric.update_fake(tg.metrics.Activations(examples=np.zeros([2, 64, 64, 3], "uint8")))
    >>> metric.result()
    (0.0, 0.0)
    """

    name = "lpips_diversity"
    direction = "higher"

    def __init__(self, num_pairs: int = 1000, distance: LPIPS | None = None):
        super().__init__(num_pairs)
        self.distance = distance or shared_lpips()

    @property
    def settings(self) -> dict[str, int | str]:
        return {**super().settings, "network": self.distance.name, "weights_sha256": self.distance.weights_sha256}

    def fresh(self) -> "LPIPSDiversity":
        return LPIPSDiversity(self.num_pairs, self.distance)

    def score_pairs(self, images: np.ndarray) -> np.ndarray:
        return _pair_distances(images, random_pairs(len(images), self.num_pairs, seed=0), self.distance)
