"""Density and coverage: precision and recall that outliers do not mislead."""

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair
from tfgan_suite.metrics.numerics.manifold_metric import ManifoldMetric
from tfgan_suite.metrics.numerics.neighbours import (
    centred,
    radius_rounding,
    squared_distance_blocks,
    squared_neighbour_radii,
)


def density_coverage(real: object, fake: object, k: int = 5, progress: bool = False) -> tuple[float, float]:
    """How densely real images surround the fakes, and the share of real images that have a fake near them.

    Around each real image there is an open ball as wide as the distance to its k-th nearest other real image. Density
    is the number of balls that a fake lies in, over k, on average; coverage is the share of balls with a fake inside.
    Only real images have balls, so a few outlying fakes do not make recall out of nothing.

    Two equal sets have 1 and 1 if no two distances of a row are the same. Ties make balls with fewer than k rows inside, so
    a lower density; rows that occur more than k times have balls of radius 0, which as open ones hold nothing and are
    never covered. The authors' code does the same. Float64, in blocks: memory beyond the features is O(block).

    Args:
        real: Float array or tensor `[rows, dimensions]`. Features of real examples.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples; the number of rows may differ.
        k: Integer. The neighbor whose distance is the radius, from 1 to one less than the real rows. The paper uses 5.
        progress: Boolean. Whether to show progress.

    Returns:
        Density, which may be above 1, and coverage, in [0, 1].

    Raises:
        UserError: NaN, infinity, integers, too few rows, different dimensions, rows that are all the same, or k out of
            range.

    Example:

    >>> real = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> density_coverage(real, np.array([[0.5], [0.6], [9.0]]), k=1)
    (1.3333333333333333, 0.5)

    Reference: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", section 3.2.
    """
    real, fake = check_feature_pair(real, fake)
    check_count(k, "k of the other real rows", len(real) - 1)
    real, fake = centred(real, fake)
    return _density_coverage(real, fake, squared_neighbour_radii(real, k, progress), k, progress)


def _density_coverage(real, fake, squared_real_radii, k: int, progress: bool) -> tuple[float, float]:
    bounds = squared_real_radii - radius_rounding(real, squared_real_radii)
    num_inside, covered = 0, np.zeros(len(real), bool)
    for _, squares in squared_distance_blocks(fake, real, progress):
        inside = squares < bounds  # [block, real rows]
        num_inside += int(inside.sum())
        covered |= inside.any(axis=0)
    return num_inside / (k * len(fake)), float(covered.mean())


class DensityCoverage(ManifoldMetric):
    """`density_coverage` for `evaluate`: two scores, `density` and `coverage`.

    Keeps all features (float32) until the result.

    Args:
        k: Integer >= 1. As in `density_coverage`.

    Example:

    >>> metric = DensityCoverage(k=5)
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> metric.update_real(tg.metrics.Activations(features))
    >>> metric.update_fake(tg.metrics.Activations(features))
    >>> metric.results()
    {'density': (1.0, None), 'coverage': (1.0, None)}
    """

    name = "density_coverage"
    directions = {"density": "higher", "coverage": "higher"}

    def __init__(self, k: int = 5):
        super().__init__(k)

    def results(self) -> dict[str, tuple[float, None]]:
        real, fake, squared_real_radii = self.checked_sets(minimum_fakes=1)
        density, coverage = _density_coverage(real, fake, squared_real_radii, self.k, self.show_progress)
        return {"density": (density, None), "coverage": (coverage, None)}
