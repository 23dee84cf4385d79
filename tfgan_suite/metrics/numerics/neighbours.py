"""Distances between all rows of two sets of features, block by block, and what scores ask of them."""

from collections.abc import Iterator

import numpy as np

from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair

# Numbers in one block of distances: 64 MB of float64.
_BLOCK_NUMBERS = 2**23


def nearest_neighbours(queries: object, references: object, k: int = 1, progress: bool = False):
    """The k nearest rows of `references` to each row of `queries`, such as the training images nearest to fakes.

    A generator that copies its training set has distances near 0; read them against the distances from held-out real
    images. Distances of equal rows are exactly 0. Memory beyond the features is O(block).

    Args:
        queries: Features [rows, dimensions], floating point. Array or tensor.
        references: Features [other rows, dimensions].
        k: Neighbours of each row, from 1 to the number of references.
        progress: Whether to show progress.

    Returns:
        Euclidean distances float64 [rows, k], nearest first, and their row numbers in `references`, int64 [rows, k].

    Raises:
        UserError: NaN, infinity, integers, no rows, different dimensions, rows that are all the same, or k out of
            range.

    Example:

    >>> distances, indices = nearest_neighbours(np.array([[0.0], [5.0]]), np.array([[4.0], [1.0], [0.0]]))
    >>> distances.tolist(), indices.tolist()
    ([[0.0], [1.0]], [[2], [0]])
    """
    references, queries = check_feature_pair(references, queries, 1, names=("references", "queries"))
    check_count(k, "k of the references", len(references))
    distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    for rows, squares in squared_distance_blocks(queries, references, progress):
        found = np.argpartition(squares, k - 1, axis=1)[:, :k]
        # Again from the differences: a product of matrices does not give equal rows the distance 0.
        exact = np.linalg.norm(queries[rows, None] - references[found], axis=2)  # [block, k]
        order = np.argsort(exact, axis=1, kind="stable")
        distances[rows] = np.take_along_axis(exact, order, axis=1)
        indices[rows] = np.take_along_axis(found, order, axis=1)
    return distances, indices


def centred(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets around the real mean: distances stay, and features far from zero lose no digits."""
    mean = real.mean(axis=0)
    return real - mean, fake - mean


def squared_neighbour_radii(features: np.ndarray, k: int, progress: bool = False) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row, float64 [rows]."""
    radii = np.empty(len(features))
    for rows, squares in squared_distance_blocks(features, features, progress):
        squares[np.arange(len(squares)), np.arange(rows.start, rows.start + len(squares))] = np.inf  # The row itself.
        squares.partition(k - 1, axis=1)
        radii[rows] = squares[:, k - 1]
    return radii


def nearest_distances(features: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Distance of each row from the nearest of `others`, or from the nearest other row, float64 [rows].

    Unlike `nearest_neighbours` it takes any features as they are, also those of a collapsed generator.
    """
    if others is None:
        return np.sqrt(squared_neighbour_radii(features, 1))
    return np.sqrt(np.concatenate([squares.min(axis=1) for _, squares in squared_distance_blocks(features, others)]))


def mean_distance(features: np.ndarray) -> float:
    """Mean distance of two different rows, of two or more."""
    total = sum(np.sqrt(squares).sum() for _, squares in squared_distance_blocks(features, features))
    return float(total / (len(features) * (len(features) - 1)))


def radius_rounding(features: np.ndarray, squared_radii: np.ndarray) -> np.ndarray:
    """How far squared distances that are equal to `squared_radii` around `features` may differ by rounding, [rows].

    Sets with common rows have such ties by construction. A point at distance r from x has a squared length of at most
    2 |x|^2 + 2 r^2.
    """
    lengths = np.einsum("rd,rd->r", features, features)
    return np.finfo(np.float64).eps * features.shape[1] * (3.0 * lengths + 2.0 * squared_radii)


def squared_distance_blocks(
    left: np.ndarray, right: np.ndarray, progress: bool = False
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows of `left`, squared distances float64 [block, right rows] that the caller may change)."""
    block_rows = max(_BLOCK_NUMBERS // len(right), 1)
    lengths = np.einsum("rd,rd->r", right, right)
    shown = ProgressLine("neighbours", len(left), progress, unit="rows")
    for start in range(0, len(left), block_rows):
        block = left[start : start + block_rows]
        squares = block @ right.T
        squares *= -2.0
        squares += lengths
        squares += np.einsum("rd,rd->r", block, block)[:, None]
        np.maximum(squares, 0.0, out=squares)
        yield slice(start, start + len(block)), squares
        shown.advance(len(block))
    shown.close()
