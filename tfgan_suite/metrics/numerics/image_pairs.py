"""Random pairs among generated images: what scores of variety look at."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_images, check_labels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def random_pairs(count: int, num_pairs: int, seed: int, labels: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of random pairs of two different images.

    Args:
        count: Images that there are, >= 2.
        num_pairs: Pairs to draw, with replacement.
        seed: Of the draw.
        labels: Integers [count]: both images of a pair are then of one class. The first is any image that is not the only
            one of its class.

    Returns:
        Two int64 arrays [num_pairs].

    Raises:
        UserError: Fewer than two images (of a class), or no pairs.
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
            f"Expected two or more images (of a class) to pair. Received: {count} images in {len(sizes)} classes."
        )
    generator = np.random.default_rng(seed)
    first = generator.choice(places, num_pairs)
    group = group_of_place[first]
    # A step of 1 to size - 1 around the group: every other image of it alike.
    steps = 1 + (generator.random(num_pairs) * (sizes[group] - 1)).astype(int)
    second = starts[group] + (first - starts[group] + steps) % sizes[group]
    return order[first], order[second]


class ImagePairMetric(Metric):
    """The mean of a score over random pairs of generated images, as `evaluate` gathers it.

    Keeps an evenly drawn sample of `2 * num_pairs` images at the most, whatever the number that passes. A subclass
    overrides `score_pairs`.

    Args:
        num_pairs: Pairs to look at.
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
            # Vitter 1985, "Random Sampling with a Reservoir", algorithm R. Drawn image by image: batches do not matter.
            place = int(self._generator.integers(self._num_seen))
            if len(self._images) < 2 * self.num_pairs:
                self._images.append(image.copy())
            elif place < len(self._images):
                self._images[place] = image.copy()

    def result(self) -> tuple[float, float]:
        if len(self._images) < 2:
            raise UserError(f"Expected two or more images to pair. Received: {len(self._images)}.")
        scores = self.score_pairs(np.stack(self._images))
        return float(np.mean(scores, dtype=np.float64)), float(np.std(scores, dtype=np.float64))

    def score_pairs(self, images: np.ndarray) -> np.ndarray:
        """Scores [num_pairs] of random pairs of `images`, uint8 [count, height, width, channels]."""
        raise NotImplementedError
