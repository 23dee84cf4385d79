"""Random pairs of generated images, for scores of diversity."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_images, check_labels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def random_pairs(count: int, num_pairs: int, seed: int, labels: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Samples random pairs of different images.

    Args:
        count: Integer >= 2. Number of images.
        num_pairs: Integer >= 1. Number of pairs to sample, with replacement.
        seed: Integer. Seed for the pairs.
        labels: Integer array [count] or `None`. If given, both images of a pair are of the same class. The first one is
            any image that is not the only one of its class.

    Returns:
        Tuple of two int64 arrays [num_pairs] with the indices of the images.

    Raises:
        UserError: If there are fewer than two images (of every class), or no pairs are requested.
    """
    check_count(num_pairs, "num_pairs", None)
    labels = np.zeros(count, int) if labels is None else check_labels(labels, "labels", rows=count)
    order = np.argsort(labels, kind="stable")
    _, starts, group_of_place, sizes = np.unique(
        labels[order], return_index=True, return_inverse=True, return_counts=True
    )
    places = np.flatnonzero(sizes[group_of_place] > 1)
    if not len(places):
        raise UserError(
            "There must be two or more images (of the same class) to form pairs. Received: "
            f"{count} images in {len(sizes)} classes"
        )
    generator = np.random.default_rng(seed)
    first = generator.choice(places, num_pairs)
    group = group_of_place[first]
    # A cyclic step of 1 to size - 1 within the group selects every other image with the same probability.
    steps = 1 + (generator.random(num_pairs) * (sizes[group] - 1)).astype(int)
    second = starts[group] + (first - starts[group] + steps) % sizes[group]
    return order[first], order[second]


class ImagePairMetric(Metric):
    """The mean of a score over random pairs of generated images, as computed by `evaluate`.

    At most `2 * num_pairs` images are kept, a uniform sample of all images. Subclasses override `score_pairs`.

    Args:
        num_pairs: Integer >= 1. Number of pairs.

    Raises:
        UserError: If `num_pairs` is out of range.
    """

    needs_real = False
    inputs = frozenset({"examples"})
    kinds = ("image",)
    std_over = "pairs"

    def __init__(self, num_pairs: int):
        self.num_pairs = check_count(num_pairs, "num_pairs", None)
        self._images: list[np.ndarray] = []
        self._num_seen = 0
        self._generator = np.random.default_rng(0)

    @property
    def settings(self) -> dict[str, int]:
        return {"num_pairs": self.num_pairs}

    def update_fake(self, activations: Activations) -> None:
        for image in check_images(activations.examples, "images"):
            self._num_seen += 1
            # Vitter 1985, "Random Sampling with a Reservoir", algorithm R, one image at a time, so that the sample does
            # not depend on the batch size.
            place = int(self._generator.integers(self._num_seen))
            if len(self._images) < 2 * self.num_pairs:
                self._images.append(image.copy())
            elif place < len(self._images):
                self._images[place] = image.copy()

    def result(self) -> tuple[float, float]:
        if len(self._images) < 2:
            raise UserError(f"There must be two or more images to form pairs. Received: {len(self._images)} images")
        scores = self.score_pairs(np.stack(self._images))
        return float(np.mean(scores, dtype=np.float64)), float(np.std(scores, dtype=np.float64))

    def score_pairs(self, images: np.ndarray) -> np.ndarray:
        """Computes the scores [num_pairs] of random pairs of `images`, uint8 [count, height, width, channels]."""
        raise NotImplementedError
