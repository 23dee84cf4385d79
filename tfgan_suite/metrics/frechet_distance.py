"""Frechet distance between Gaussians fitted to real and fake features."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.blas_threads import one_blas_thread
from tfgan_suite.metrics.numerics.feature_checks import LARGEST_FEATURE, check_feature_pair, check_score
from tfgan_suite.metrics.numerics.feature_statistics import FeatureStatistics
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def frechet_distance(real: object, fake: object) -> float:
    """Squared Frechet distance `|m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2))` between two sets of features.

    It is exact in float64 with fewer rows than dimensions as well: the trace of the root is a sum of singular values
    of a product of factors of the covariances, so no root of a noisy near-zero eigenvalue enters. It is biased upwards
    by small samples: compare only values of equal counts.

    Args:
        real: Float array or tensor `[rows, dimensions]`, at least two rows. Features of real examples.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples, with the same dimensions.

    Returns:
        Float, the distance, >= 0 up to rounding.

    Raises:
        UserError: NaN, infinity, integers, too few rows, different dimensions, or rows that are all the same.

    Example:

    >>> real = np.random.default_rng(0).normal(size=(100, 4))
    >>> round(frechet_distance(real, real + 1.0), 6)
    4.0

    Reference: Dowson and Landau 1982; Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", section 2.
    """
    return distance_of_rows(*check_feature_pair(real, fake))


def distance_of_rows(real: np.ndarray, fake: np.ndarray) -> float:
    """`frechet_distance` of float64 features that have been checked; rows may all be the same."""
    with one_blas_thread():
        factors = [_factor_of_features(features) for features in (real, fake)]
        return _distance(real.mean(axis=0), factors[0], fake.mean(axis=0), factors[1])


def frechet_distance_from_statistics(
    real_mean: np.ndarray, real_covariance: np.ndarray, fake_mean: np.ndarray, fake_covariance: np.ndarray
) -> float:
    """The same distance from means [dimensions] and covariances [dimensions, dimensions].

    Raises:
        UserError: Shapes that do not fit together, NaN, infinity or numbers too large to be of features in float32.
    """
    dimensions = len(np.atleast_1d(real_mean))
    arrays = [np.asarray(array, np.float64) for array in (real_mean, fake_mean, real_covariance, fake_covariance)]
    shapes = [array.shape for array in arrays]
    if shapes != [(dimensions,), (dimensions,), (dimensions, dimensions), (dimensions, dimensions)]:
        raise UserError(f"Means must be [d] and covariances [d, d]. Received: shapes {shapes}")
    if not all(np.isfinite(array).all() for array in arrays):
        raise UserError("Means and covariances must be finite. Received: NaN or infinity")
    for name, parts, limit in (("Means", arrays[:2], LARGEST_FEATURE), ("Covariances", arrays[2:], LARGEST_FEATURE**2)):
        largest = max(np.abs(part).max(initial=0.0) for part in parts)
        if largest > limit:
            raise UserError(f"{name} must be no larger than {limit:.2g}. Received: {largest:.2g}")
    with one_blas_thread():
        factors = [_factor_of_covariance(covariance) for covariance in arrays[2:]]
        return _distance(arrays[0], factors[0], arrays[1], factors[1])


def frechet_distance_from_moments(real_count, real_sum, real_products, fake_count, fake_sum, fake_products) -> float:
    """The same distance from counts, sums [dimensions] and sums of outer products [dimensions, dimensions] of the rows.

    Raises:
        UserError: Fewer than two rows of a side, NaN or infinity.
    """
    means, factors = [], []
    for side, count, total, products in (
        ("real", real_count, real_sum, real_products),
        ("fake", fake_count, fake_sum, fake_products),
    ):
        if count < 2:
            raise UserError(f"There must be at least 2 rows of {side} features. Received: {int(count)}")
        if not np.isfinite(products).all():
            raise UserError(f"The {side} features must be finite, and their squares too. Received: NaN or infinity")
        mean = total / count
        covariance = (products - count * np.outer(mean, mean)) / (count - 1)
        # The difference is rounded as the products were: what is below that is no direction.
        with one_blas_thread():
            factors.append(_factor_of_covariance(covariance, largest=np.diagonal(products).max() / (count - 1)))
        means.append(mean)
    with one_blas_thread():
        return _distance(means[0], factors[0], means[1], factors[1])


def _factor_of_features(features: np.ndarray) -> np.ndarray:
    """F [dimensions, rank] with F F^T = covariance of the features [rows, dimensions]."""
    rows, dimensions = features.shape
    deviations = features - features.mean(axis=0)
    if rows <= dimensions:  # The deviations themselves are the narrower factor, and the exact one.
        return deviations.T / np.sqrt(rows - 1)
    return _factor_of_covariance(deviations.T @ deviations / (rows - 1))


def _factor_of_covariance(covariance: np.ndarray, largest: float = 0.0) -> np.ndarray:
    """F [dimensions, rank] with F F^T = covariance, without the directions that are zero up to rounding.

    `largest` is the greatest number that the covariance was computed from, if greater than its eigenvalues.
    """
    eigenvalues, eigenvectors = np.linalg.eigh((covariance + covariance.T) / 2)
    threshold = max(eigenvalues[-1], largest, 0.0) * len(eigenvalues) * np.finfo(np.float64).eps
    kept = eigenvalues > threshold
    return eigenvectors[:, kept] * np.sqrt(eigenvalues[kept])


def _distance(real_mean: np.ndarray, real_factor: np.ndarray, fake_mean: np.ndarray, fake_factor: np.ndarray) -> float:
    # With C1 = F1 F1^T and C2 = F2 F2^T the eigenvalues of C1 C2 are the squared singular values of F1^T F2.
    root_trace = 0.0
    if real_factor.shape[1] and fake_factor.shape[1]:
        root_trace = np.linalg.svd(real_factor.T @ fake_factor, compute_uv=False).sum()
    traces = np.square(real_factor).sum() + np.square(fake_factor).sum()
    distance = float(np.square(real_mean - fake_mean).sum() + traces - 2.0 * root_trace)
    return check_score(distance, "The Frechet distance")


class FrechetDistance(Metric):
    """`frechet_distance` for `evaluate`: means and covariances are streamed in memory of O(dimensions^2).

    A generator whose images are all the same gets its (finite, large) distance here: during training that is a result,
    not a mistake of the caller.

    Example:

    >>> metric = FrechetDistance()
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> metric.update_real(Activations(features))
    >>> metric.update_fake(Activations(features + 1))
    >>> value, _ = metric.result()
    >>> round(value, 4)
    4.0
    """

    name = "frechet_distance"

    def __init__(self):
        self._real = FeatureStatistics()
        self._fake = FeatureStatistics()

    def update_real(self, activations: Activations) -> None:
        self._real.update(activations.features)

    def update_fake(self, activations: Activations) -> None:
        self._fake.update(activations.features)

    def result(self) -> tuple[float, None]:
        real, fake = self._real, self._fake
        return frechet_distance_from_statistics(real.mean, real.covariance, fake.mean, fake.covariance), None

    def real_arrays(self) -> dict[str, np.ndarray]:
        return self._real.to_arrays()

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._real = FeatureStatistics.from_arrays(arrays)
