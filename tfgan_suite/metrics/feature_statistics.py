"""Mean and covariance of features that arrive batch by batch."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.errors import UserError
from tfgan_suite.metrics.feature_checks import check_features


class FeatureStatistics:
    """Mean and covariance of features in one pass, float64, in memory of O(dimensions^2).

    The result does not depend on the batch size beyond float64 rounding: batches are merged by their means, so that
    features far from zero lose no digits. Statistics gathered apart (by replicas) are merged the same way.

    Example:

    >>> statistics = FeatureStatistics()
    >>> statistics.update(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> statistics.mean
    array([1., 2.])

    Reference: Chan, Golub, LeVeque 1983, "Algorithms for Computing the Sample Variance".
    """

    def __init__(self):
        self.count = 0
        self.mean = np.zeros(0)
        self._scatter = np.zeros((0, 0))  # Sum of outer products of the deviations from the mean.

    def update(self, features: object) -> None:
        """Adds a batch of features [batch, dimensions]."""
        features = check_features(features, "features", minimum_rows=1)
        mean = features.mean(axis=0)
        deviations = features - mean
        self._merge(len(features), mean, deviations.T @ deviations)

    def merge(self, other: "FeatureStatistics") -> None:
        """Adds everything that `other` has seen."""
        if other.count:
            self._merge(other.count, other.mean, other._scatter)

    def _merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        if not self.count:
            self.count, self.mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        if mean.shape != self.mean.shape:
            raise UserError(f"Expected features of {len(self.mean)} dimensions, as before. Received {len(mean)}.")
        total = self.count + count
        delta = mean - self.mean
        self._scatter += scatter + np.outer(delta, delta) * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance [dimensions, dimensions], as `numpy.cov` has it.

        Raises:
            UserError: Fewer than two rows were seen.
        """
        if self.count < 2:
            raise UserError(f"Expected at least 2 rows of features for a covariance. Received {self.count}.")
        return self._scatter / (self.count - 1)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything there is to keep, for a cache on disk."""
        return {"count": np.array(self.count), "mean": self.mean, "scatter": self._scatter}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "FeatureStatistics":
        """The inverse of `to_arrays`."""
        statistics = cls()
        statistics.count = int(arrays["count"])
        statistics.mean = np.asarray(arrays["mean"], np.float64)
        statistics._scatter = np.asarray(arrays["scatter"], np.float64)
        return statistics
