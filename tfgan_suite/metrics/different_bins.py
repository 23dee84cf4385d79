"""NDB: the number of bins of the real data in which fakes are significantly fewer or more."""

import statistics
from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.clustering import move_centres, nearest_centres, spread_centres
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair, check_features
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.feature_set_metric import FeatureSetMetric

_MAX_ITERATIONS = 100


def number_of_different_bins(
    real: object, fake: object, *, num_bins: int = 100, significance: float = 0.05, seed: int = 0
) -> tuple[int, float]:
    """Bins of the real features whose share of fakes differs significantly from their share of real rows.

    The bins are those of k-means on the real features; each is tested by itself for two equal proportions. A perfect
    generator still differs in about `significance * num_bins` bins. A lost mode shows as bins without fakes.

    Args:
        real: Float array or tensor `[rows, dimensions]`. Features of real images, or the images' pixels.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples; the number of rows may differ.
        num_bins: Integer from 2 to the number of different real rows.
        significance: Float in (0, 1). The significance level of each test.
        seed: Integer. The seed of the first centers.

    Returns:
        The number of different bins, and the Jensen-Shannon divergence of the shares in nats.

    Raises:
        UserError: NaN, infinity, integers, too few rows, different dimensions, rows that are all the same, or an argument
            out of range.

    Example:

    >>> real = np.repeat(np.eye(4), 50, axis=0)
    >>> count, divergence = number_of_different_bins(real, real[:100], num_bins=4)  # Two of four modes are lost.
    >>> count, round(divergence, 4)
    (4, 0.2158)

    Reference: Richardson and Weiss 2018, "On GANs and GMMs", section 3.
    """
    real, fake = check_feature_pair(real, fake)
    _check(num_bins, significance, len(real))
    centres = _cluster(real, num_bins, seed)
    return _different_bins(_bin_counts(real, centres), _bin_counts(fake, centres), significance)


def _check(num_bins: int, significance: float, rows: int | None) -> None:
    check_count(num_bins, "num_bins of the real rows", rows, lowest=2)
    if not 0.0 < significance < 1.0:
        raise UserError(f"`significance` must be in (0, 1). Received: significance={significance}")


def _different_bins(real_counts: np.ndarray, fake_counts: np.ndarray, significance: float) -> tuple[int, float]:
    totals = real_counts.sum(), fake_counts.sum()
    real, fake = real_counts / totals[0], fake_counts / totals[1]
    pooled = (real_counts + fake_counts) / sum(totals)
    errors = np.sqrt(pooled * (1.0 - pooled) * (1.0 / totals[0] + 1.0 / totals[1]))
    bound = statistics.NormalDist().inv_cdf(1.0 - significance / 2.0)
    middle = (real + fake) / 2.0
    divergence = sum(0.5 * (side[side > 0] * np.log(side[side > 0] / middle[side > 0])).sum() for side in (real, fake))
    return int((np.abs(real - fake) > bound * errors).sum()), float(divergence)


def _bin_counts(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.bincount(nearest_centres(features, centres)[0], minlength=len(centres))


def _cluster(features: np.ndarray, num_bins: int, seed: int) -> np.ndarray:
    return move_centres(features, spread_centres(features, num_bins, seed), _MAX_ITERATIONS)


class NumberOfDifferentBins(FeatureSetMetric):
    """`number_of_different_bins` for `evaluate`: the share of different bins, and the divergence.

    Sets with fewer than five real images a bin get fewer bins; the row's counts show it. The centres of the bins are kept with the
    statistics of the real images.

    Args:
        num_bins: Integer >= 2. As in `number_of_different_bins`.
        significance: Float in (0, 1). As in `number_of_different_bins`.

    Example:

    >>> metric = NumberOfDifferentBins(num_bins=5)
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> metric.update_real(tg.metrics.Activations(features))
    >>> metric.update_fake(tg.metrics.Activations(features))
    >>> metric.results()
    {'different_bins_share': (0.0, None), 'different_bins_divergence': (0.0, None)}
    """

    name = "different_bins"
    directions = {"different_bins_share": "lower", "different_bins_divergence": "lower"}

    def __init__(self, num_bins: int = 100, significance: float = 0.05):
        super().__init__()
        _check(num_bins, significance, None)
        self.num_bins = num_bins
        self.significance = significance
        self._bins: dict[str, np.ndarray] | None = None

    @property
    def settings(self) -> dict[str, int | float]:
        return {"num_bins": self.num_bins, "significance": self.significance}

    def update_real(self, activations: Activations) -> None:
        super().update_real(activations)
        self._bins = None

    def results(self) -> dict[str, tuple[float, None]]:
        bins = self.real_arrays()
        fake_counts = _bin_counts(check_features(self.fake_features(), "fake features", 1), bins["centres"])
        count, divergence = _different_bins(bins["counts"], fake_counts, self.significance)
        return {
            "different_bins_share": (count / len(fake_counts), None),
            "different_bins_divergence": (divergence, None),
        }

    def real_arrays(self) -> dict[str, np.ndarray]:
        if self._bins is None:
            real = check_features(self.real_features(), "real features")
            centres = _cluster(real, max(min(self.num_bins, len(real) // 5), 2), seed=0)
            self._bins = {"centres": centres, "counts": _bin_counts(real, centres)}
        return self._bins

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._bins = dict(arrays)
