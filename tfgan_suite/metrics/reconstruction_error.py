"""Reconstruction error: how far a model's reconstructions are from the examples."""

import numpy as np

from tfgan_suite.metrics.numerics.example_means import mean_and_standard_error
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def reconstruction_errors(examples: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """The mean squared error of each reconstruction.

    Args:
        examples: Array `[count, ...]`. Integers are scaled to [0, 1] by the largest value of their type.
        reconstructions: Array of the same shape and dtype.

    Returns:
        float64 `[count]`.

    Example:

    >>> images = np.zeros([1, 2, 2, 1], "uint8")
    >>> reconstruction_errors(images, images + 255)
    array([1.])
    """
    scale = np.iinfo(examples.dtype).max if examples.dtype.kind in "iu" else 1.0
    differences = (examples.astype(np.float64) - reconstructions.astype(np.float64)) / scale
    return np.square(differences).reshape(len(examples), -1).mean(axis=1)


class ReconstructionError(Metric):
    """The mean over real examples of the mean squared error of their reconstructions, with its standard error.

    For models that reconstruct. Pixels are in [0, 1], so that the peak signal-to-noise ratio is `-10 log10` of an error.

    Example:

    >>> metric, images = ReconstructionError(), np.zeros([2, 8, 8, 1], "uint8")
    >>> metric.update_real(Activations(examples=images, reconstructions=images + 51))
    >>> round(metric.result()[0], 6)
    0.04
    """

    name = "reconstruction_error"
    inputs = frozenset({"examples", "reconstructions"})
    std_over = "standard error"

    def __init__(self):
        self._errors: list[np.ndarray] = []

    def update_real(self, activations: Activations) -> None:
        self._errors.append(reconstruction_errors(activations.examples, activations.reconstructions))

    def result(self) -> tuple[float, float]:
        return mean_and_standard_error(np.concatenate(self._errors))
