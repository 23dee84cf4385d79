"""Precision and recall: how much of the fakes lies within the real images' manifold, and the reverse."""

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair
from tfgan_suite.metrics.numerics.manifold_metric import ManifoldMetric
from tfgan_suite.metrics.numerics.neighbours import (
    centred,
    radius_rounding,
    squared_distance_blocks,
    squared_neighbour_radii,
)


def precision_recall(real: object, fake: object, k: int = 3, progress: bool = False) -> tuple[float, float]:
    """Share of fakes within the real manifold, and of real images within the fakes'.

    The manifold of a set is the union of closed balls around its points, each as wide as the distance to the point's
    k-th nearest other point. Precision measures quality, recall variety. Both depend on the counts: compare only
    values of equal ones. Two equal sets have 1 and 1, repeated rows or not. Float64, in blocks: memory beyond the features is O(block).

    Args:
        real: Float array or tensor `[rows, dimensions]`. Features of real examples.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples; the number of rows may differ.
        k: Integer. The neighbor whose distance is the radius, from 1 to one less than the rows of the smaller set. The paper
            uses 3.
        progress: Boolean. Whether to show progress.

    Returns:
        Precision and recall, in [0, 1].

    Raises:
        UserError: NaN, infinity, integers, too few rows, different dimensions, rows that are all the same, or k out of
            range.

    Example:

    >>> real = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> precision_recall(real, np.array([[0.5], [0.6], [9.0]]), k=1)
    (0.6666666666666666, 0.75)

    Reference: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models",
    equations 1 to 3.
    """
    real, fake = check_feature_pair(real, fake)
    check_count(k, "k of the other rows of the smaller set", min(len(real), len(fake)) - 1)
    real, fake = centred(real, fake)
    return _precision_recall(real, fake, squared_neighbour_radii(real, k, progress), k, progress)


def _precision_recall(real, fake, squared_real_radii, k: int, progress: bool) -> tuple[float, float]:
    real_bounds = squared_real_radii + radius_rounding(real, squared_real_radii)
    squared_fake_radii = squared_neighbour_radii(fake, k, progress)
    fake_bounds = squared_fake_radii + radius_rounding(fake, squared_fake_radii)
    fakes_within, real_within = 0, np.zeros(len(real), bool)
    for rows, squares in squared_distance_blocks(fake, real, progress):
        fakes_within += int((squares <= real_bounds).any(axis=1).sum())
        real_within |= (squares <= fake_bounds[rows, None]).any(axis=0)
    return fakes_within / len(fake), float(real_within.mean())


class PrecisionRecall(ManifoldMetric):
    """`precision_recall` for `evaluate`: two scores, `precision` and `recall`.

    Keeps all features (float32) until the result.

    Args:
        k: Integer >= 1. As in `precision_recall`.

    Example:

    >>> metric = PrecisionRecall(k=3)
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> metric.update_real(tg.metrics.Activations(features))
    >>> metric.update_fake(tg.metrics.Activations(features))
    >>> metric.results()
    {'precision': (1.0, None), 'recall': (1.0, None)}
    """

    name = "precision_recall"
    directions = {"precision": "higher", "recall": "higher"}

    def __init__(self, k: int = 3):
        super().__init__(k)

    def results(self) -> dict[str, tuple[float, None]]:
        real, fake, squared_real_radii = self.checked_sets(self.k + 1)
        precision, recall = _precision_recall(real, fake, squared_real_radii, self.k, self.show_progress)
        return {"precision": (precision, None), "recall": (recall, None)}
