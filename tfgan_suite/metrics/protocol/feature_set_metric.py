"""FeatureSetMetric: the base of scores that keep all features."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


class FeatureSetMetric(Metric):
    """A metric of the two sets of features as wholes: keeps all of them (float32) until the result."""

    def __init__(self):
        self._real: list[np.ndarray] = []
        self._fake: list[np.ndarray] = []

    def update_real(self, activations: Activations) -> None:
        self._real.append(activations.features)

    def update_fake(self, activations: Activations) -> None:
        self._fake.append(activations.features)

    def real_features(self) -> np.ndarray:
        """Features `[rows, dimensions]` of all real examples."""
        return np.concatenate(self._real)

    def fake_features(self) -> np.ndarray:
        """Features `[rows, dimensions]` of all generated examples."""
        return np.concatenate(self._fake)

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {"features": self.real_features()}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._real = [arrays["features"]]
