"""Mean and covariance of features that arrive in batches."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_features

# Up to this many rows are collected before they are merged, because merging passes over the covariance several times.
_MERGED_ROWS = 1024


class FeatureStatistics:
    """Computes the mean and covariance of features in one pass, in float64, with O(dimensions^2) memory.

    The result does not depend on the batch size, except for float64 rounding. Batches are merged by means of their
    means, so features far from zero lose no precision. Statistics collected separately (by replicas) are merged in the
    same way.

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
        """Adds a batch of features.

        Args:
            features: Array or tensor of floating-point numbers [batch, dimensions].

        Raises:
            UserError: If the features are invalid, or their number of dimensions differs from that of earlier batches.
        """
        features = check_features(features, "features", minimum_rows=1)
        dimensions = self._pending[0].shape[1] if self._pending else len(self._mean)
        if self.count and features.shape[1] != dimensions:
            raise UserError(
                f"`features` must have {dimensions} dimensions, like earlier batches. Received: {features.shape[1]} "
                "dimensions"
            )
        self._pending.append(features)
        self._num_pending += len(features)
        if self._num_pending >= _MERGED_ROWS:
            self._flush()

    def merge(self, other: "FeatureStatistics") -> None:
        """Adds all rows that `other` has seen."""
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
            raise UserError(
                f"`features` must have {len(self._mean)} dimensions, like earlier batches. Received: {len(mean)} "
                "dimensions"
            )
        total = self._count + count
        delta = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(delta, delta) * (self._count * count / total)
        self._mean = self._mean + delta * (count / total)
        self._count = total

    @property
    def count(self) -> int:
        """Number of rows seen."""
        return self._count + self._num_pending

    @property
    def mean(self) -> np.ndarray:
        """Mean of the rows [dimensions]."""
        self._flush()
        return self._mean

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance [dimensions, dimensions], as in `numpy.cov`.

        Raises:
            UserError: If fewer than two rows have been seen.
        """
        if self.count < 2:
            raise UserError(
                f"`features` must have at least 2 rows to compute a covariance. Received: {self.count} rows"
            )
        self._flush()
        return self._scatter / (self.count - 1)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state as a dict of arrays, for a cache on disk."""
        self._flush()
        return {"count": np.array(self._count), "mean": self._mean, "scatter": self._scatter}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "FeatureStatistics":
        """Creates statistics from the arrays returned by `to_arrays`."""
        statistics = cls()
        statistics._count = int(arrays["count"])
        statistics._mean = np.asarray(arrays["mean"], np.float64)
        statistics._scatter = np.asarray(arrays["scatter"], np.float64)
        return statistics
