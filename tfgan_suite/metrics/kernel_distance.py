"""Kernel distance: the squared maximum mean discrepancy with a cubic polynomial kernel."""

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair, check_features, check_score
from tfgan_suite.metrics.protocol.feature_set_metric import FeatureSetMetric

# A tile of the kernel matrix, 8 MB, stays in the processor's cache.
_TILE_ROWS = 1024
# Above this many rows the subsets are computed one by one, below it all at once with the whole.
_LARGE_ROWS = 10_000


def kernel_distance(
    real: object, fake: object, *, degree: int = 3, gamma: float | None = None, coefficient: float = 1.0
):
    """Unbiased estimate of the squared maximum mean discrepancy over all rows.

    The kernel is `(gamma x.y + coefficient)^degree`. Unlike the Frechet distance the estimate has no bias from the
    number of samples, and it may fall a little below zero. Computed in blocks, float64, memory
    of 8 MB beyond the features.

    Args:
        real: Float array or tensor `[rows, dimensions]`, at least two rows. Features of real examples.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples; the number of rows may differ.
        degree: Integer. The degree of the polynomial.
        gamma: Float. Factor of the inner product; by default `1 / dimensions`.
        coefficient: Float. Constant inside the polynomial.

    Returns:
        Float, the distance.

    Raises:
        UserError: NaN, infinity, integers, too few rows, different dimensions, or rows that are all the same.

    Example:

    >>> real = np.array([[0.0], [1.0]])
    >>> kernel_distance(real, real + 1.0)  # 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4
    9.5

    Reference: Binkowski et al. 2018, "Demystifying MMD GANs", section 4.
    """
    real, fake = check_feature_pair(real, fake)
    return float(_distances(real, fake, None, None, _Polynomial(degree, gamma, coefficient, real.shape[1]))[0])


def kernel_distance_subsets(
    real: object,
    fake: object,
    *,
    num_subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    degree: int = 3,
    gamma: float | None = None,
    coefficient: float = 1.0,
) -> tuple[float, float]:
    """Mean and standard deviation of `kernel_distance` over random subsets, the form that papers report.

    Args:
        real: As in `kernel_distance`.
        fake: As in `kernel_distance`.
        num_subsets: Integer >= 1. Pairs of subsets, each drawn without replacement.
        subset_size: Integer >= 2. Rows in each, at most the number of rows.
        seed: Integer. The seed of the draws.
        degree: As in `kernel_distance`, like `gamma` and `coefficient`.

    Returns:
        Mean, and population standard deviation over the subsets.

    Raises:
        UserError: As in `kernel_distance`; or subsets larger than the sets, or smaller than 2, or none.

    Example:

    >>> real = np.random.default_rng(0).normal(size=(50, 4))
    >>> mean, std = kernel_distance_subsets(real, real + 1.0, num_subsets=5, subset_size=50)
    >>> round(std, 6)
    0.0
    """
    real, fake = check_feature_pair(real, fake)
    check_count(num_subsets, "num_subsets", None)
    check_count(subset_size, "subset_size within the smaller set", min(len(real), len(fake)), lowest=2)
    kernel = _Polynomial(degree, gamma, coefficient, real.shape[1])
    return _subset_distances(real, fake, num_subsets, subset_size, seed, kernel)


def _subset_distances(real, fake, num_subsets: int, subset_size: int, seed: int, kernel) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    pairs = [
        tuple(generator.choice(len(features), subset_size, replace=False) for features in (real, fake))
        for _ in range(num_subsets)
    ]
    if max(len(real), len(fake)) > _LARGE_ROWS:
        values = [_distances(real[in_real], fake[in_fake], None, None, kernel)[0] for in_real, in_fake in pairs]
    else:
        values = _distances(real, fake, _membership(pairs, 0, len(real)), _membership(pairs, 1, len(fake)), kernel)
    return float(np.mean(values)), float(np.std(values))


class _Polynomial:
    def __init__(self, degree: int, gamma: float | None, coefficient: float, dimensions: int):
        self._degree = degree
        self._gamma = 1.0 / dimensions if gamma is None else gamma
        self._coefficient = coefficient

    def __call__(self, inner_products: np.ndarray) -> np.ndarray:
        """The kernel of inner products that may be overwritten."""
        inner_products *= self._gamma
        inner_products += self._coefficient
        if self._degree != 3:
            return inner_products**self._degree
        cubes = inner_products * inner_products  # A third of the time of a power.
        cubes *= inner_products
        return cubes


def _membership(pairs: list, side: int, rows: int) -> np.ndarray:
    """1.0 where a row belongs to a subset, [subsets, rows]."""
    members = np.zeros((len(pairs), rows))
    for index, pair in enumerate(pairs):
        members[index, pair[side]] = 1.0
    return members


def _distances(real, fake, in_real, in_fake, kernel) -> np.ndarray:
    """Unbiased distances [subsets] between the rows in each pair of subsets; `None`: one subset of all rows."""
    in_real = np.ones((1, len(real))) if in_real is None else in_real
    in_fake = np.ones((1, len(fake))) if in_fake is None else in_fake
    with np.errstate(over="ignore", invalid="ignore"):  # A high degree of large features overflows: refused below.
        within = [_within(features, members, kernel) for features, members in ((real, in_real), (fake, in_fake))]
        between = _kernel_sums(real, fake, in_real, in_fake, kernel) / (in_real.sum(axis=1) * in_fake.sum(axis=1))
    distances = within[0] + within[1] - 2.0 * between
    check_score(distances.sum(), "The kernel distance")
    return distances


def _within(features: np.ndarray, members: np.ndarray, kernel) -> np.ndarray:
    """Mean kernel of distinct rows of each subset, [subsets]."""
    count = members.sum(axis=1)
    own = members @ kernel(np.einsum("rd,rd->r", features, features))
    sums = _kernel_sums(features, features, members, members, kernel, symmetric=True)
    return (sums - own) / (count * (count - 1))


def _kernel_sums(left, right, in_left, in_right, kernel, symmetric: bool = False) -> np.ndarray:
    """Sum of the kernel over all pairs of a left and a right row of each subset, [subsets].

    The subsets' sums are `in_left K in_right^T`, so one kernel matrix, tile by tile, serves all of them. Of a symmetric one
    (both sides the same) only the upper half is computed.
    """
    sums = np.zeros(len(in_left))
    for top in range(0, len(left), _TILE_ROWS):
        rows = slice(top, top + _TILE_ROWS)
        for start in range(top if symmetric else 0, len(right), _TILE_ROWS):
            columns = slice(start, start + _TILE_ROWS)
            values = kernel(left[rows] @ right[columns].T)
            tile = np.einsum("sr,sr->s", in_left[:, rows] @ values, in_right[:, columns])
            sums += 2.0 * tile if symmetric and start > top else tile
    return sums


class KernelDistance(FeatureSetMetric):
    """`kernel_distance_subsets` for `evaluate`: mean and standard deviation over random subsets.

    Keeps all features (float32) until the result. Sets smaller than `subset_size` are taken whole: then the subsets are
    all the same, and the standard deviation is 0; the row's counts tell.

    Args:
        num_subsets: Integer >= 1. As in `kernel_distance_subsets`.
        subset_size: Integer >= 2. As in `kernel_distance_subsets`.

    Example:

    >>> metric = KernelDistance(num_subsets=10, subset_size=50)
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> metric.update_real(tg.metrics.Activations(features))
    >>> metric.update_fake(tg.metrics.Activations(features))
    >>> value, std = metric.result()
    """

    name = "kernel_distance"
    std_over = "subsets"

    def __init__(self, num_subsets: int = 100, subset_size: int = 1000):
        super().__init__()
        self.num_subsets = num_subsets
        self.subset_size = subset_size

    @property
    def settings(self) -> dict[str, int]:
        return {"num_subsets": self.num_subsets, "subset_size": self.subset_size}

    def result(self) -> tuple[float, float]:
        # Checked one by one: a generator whose images are all the same gets its distance, see `FrechetDistance`.
        real = check_features(self.real_features(), "real features")
        fake = check_features(self.fake_features(), "fake features")
        size = min(self.subset_size, len(real), len(fake))
        kernel = _Polynomial(degree=3, gamma=None, coefficient=1.0, dimensions=real.shape[1])
        return _subset_distances(real, fake, self.num_subsets, size, seed=0, kernel=kernel)
