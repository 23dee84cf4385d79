"""The common base of precision and recall, and of density and coverage, in `evaluate`: balls around real images."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_features
from tfgan_suite.metrics.numerics.neighbours import centred, squared_neighbour_radii
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.feature_set_metric import FeatureSetMetric


class ManifoldMetric(FeatureSetMetric):
    """Base class for metrics that use balls around features, whose radius is the distance to the k-th nearest neighbor.

    The radii around the real images are stored with their statistics.

    Args:
        k: Integer >= 1. The distance to the k-th nearest neighbor is the radius.
    """

    def __init__(self, k: int):
        super().__init__()
        self.k = k
        self._squared_real_radii: np.ndarray | None = None

    @property
    def settings(self) -> dict[str, int]:
        return {"k": self.k}

    def checked_sets(self, minimum_fakes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the features relative to the real mean, and the squared radii around the real ones.

        Each set is checked separately, so that a generator whose images are all the same still gets its scores. See
        `FrechetDistance`.

        Args:
            minimum_fakes: Integer. Minimum number of generated images.

        Returns:
            Tuple of the real features, float64 [rows, dimensions], the fake features, and the squared radii [rows].

        Raises:
            UserError: If one of the sets is invalid, or there are too few real images for `k`.
        """
        fake = check_features(self.fake_features(), "fake features", minimum_fakes)
        return *centred(check_features(self.real_features(), "real features"), fake), self._real_radii()

    def _real_radii(self) -> np.ndarray:
        if self._squared_real_radii is None:
            real = check_features(self.real_features(), "real features")
            check_count(self.k, "`k` (limited by the number of other real images)", len(real) - 1)
            self._squared_real_radii = squared_neighbour_radii(centred(real, real)[0], self.k, self.show_progress)
        return self._squared_real_radii

    def update_real(self, activations: Activations) -> None:
        super().update_real(activations)
        self._squared_real_radii = None

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {**super().real_arrays(), "squared_radii": self._real_radii()}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().set_real_arrays(arrays)
        self._squared_real_radii = arrays["squared_radii"]
