"""Mean and covariance of features that arrive batch by batch."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_features

# Rows are gathered up to this many before they are merged: merging passes over the covariance several times.
_MERGED_ROWS = 1024


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
        self._count = 0
        self._mean = np.zeros(0)
        self._scatter = np.zeros((0, 0))  # Sum of outer products of the deviations from the mean.
        self._pending: list[np.ndarray] = []
        self._num_pending = 0

    def update(self, features: object) -> None:
        """Adds a batch of features [batch, dimensions]."""
        features = check_features(features, "features", minimum_rows=1)
        dimensions = self._pending[0].shape[1] if self._pending else len(self._mean)
        if self.count and features.shape[1] != dimensions:
            raise UserError(f"Expected features of {dimensions} dimensions, as before. Received {features.shape[1]}.")
        self._pending.append(features)
        self._num_pending += len(features)
        if self._num_pending >= _MERGED_ROWS:
            self._flush()

    def merge(self, other: "FeatureStatistics") -> None:
        """Adds everything that `other` has seen."""
        self._flush()
        other._flush()
        if other._count:
            self._merge(other._count, other._mean, other._scatter)

    def _flush(self) -> None:
        if self._pending:
            features = np.concatenate(self._pending)
            self._pending, self._num_pending = [], 0
            mean = features.mean(axis=0)
            features -= mean
            self._merge(len(features), mean, features.T @ features)

    def _merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        if not self._count:
            self._count, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        if mean.shape != self._mean.shape:
            raise UserError(f"Expected features of {len(self._mean)} dimensions, as before. Received {len(mean)}.")
        total = self._count + count
        delta = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(delta, delta) * (self._count * count / total)
        self._mean = self._mean + delta * (count / total)
        self._count = total

    @property
    def count(self) -> int:
        """Rows seen."""
        return self._count + self._num_pending

    @property
    def mean(self) -> np.ndarray:
        """Mean [dimensions]."""
        self._flush()
        return self._mean

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance [dimensions, dimensions], as `numpy.cov` has it.

        Raises:
            UserError: Fewer than two rows were seen.
        """
        if self.count < 2:
            raise UserError(f"Expected at least 2 rows of features for a covariance. Received {self.count}.")
        self._flush()
        return self._scatter / (self.count - 1)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything there is to keep, for a cache on disk."""
        self._flush()
        return {"count": np.array(self._count), "mean": self._mean, "scatter": self._scatter}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "FeatureStatistics":
        """The inverse of `to_arrays`."""
        statistics = cls()
        statistics._count = int(arrays["count"])
        statistics._mean = np.asarray(arrays["mean"], np.float64)
        statistics._scatter = np.asarray(arrays["scatter"], np.float64)
        return statistics
