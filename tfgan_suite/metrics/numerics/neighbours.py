"""Distances between all rows of two sets of features, computed in blocks, and quantities derived from them."""

from collections.abc import Iterator

import numpy as np

from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_feature_pair

# Number of distances in one block: 64 MB of float64.
_BLOCK_NUMBERS = 2**23


def nearest_neighbours(queries: object, references: object, k: int = 1, progress: bool = False):
    """Finds the k nearest `references` of each of the `queries`, such as the training images nearest to generated ones.

    If a generator copies its training set, the distances are close to 0; compare them to the distances of held-out real
    images. The distance between equal rows is exactly 0. Apart from the features, the memory needed is that of one
    block.

    Args:
        queries: Array or tensor of floating-point features [rows, dimensions].
        references: Array or tensor of floating-point features [other rows, dimensions].
        k: Integer, from 1 to the number of references. Number of neighbors per row.
        progress: Boolean. Whether to show the progress.

    Returns:
        Tuple of the Euclidean distances, float64 [rows, k], nearest first, and the row indices of the neighbors in
        `references`, int64 [rows, k].

    Raises:
        UserError: If the features contain NaN, infinity, integers, or no rows, their dimensions differ, all rows of a
            set are the same, or `k` is out of range.

    Example:

    >>> distances, indices = nearest_neighbours(np.array([[0.0], [5.0]]), np.array([[4.0], [1.0], [0.0]]))
    >>> distances.tolist(), indices.tolist()
    ([[0.0], [1.0]], [[2], [0]])
    """
    references, queries = check_feature_pair(references, queries, 1, names=("references", "queries"))
    check_count(k, "`k` (limited by the number of references)", len(references))
    distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    for rows, squares in squared_distance_blocks(queries, references, progress):
        found = np.argpartition(squares, k - 1, axis=1)[:, :k]
        # Computed again from the differences, because with a matrix product, the distance of equal rows is not exactly
        # 0.
        exact = np.linalg.norm(queries[rows, None] - references[found], axis=2)  # [block, k]
        order = np.argsort(exact, axis=1, kind="stable")
        distances[rows] = np.take_along_axis(exact, order, axis=1)
        indices[rows] = np.take_along_axis(found, order, axis=1)
    return distances, indices


def centred(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centers both sets at the real mean: distances do not change, and features far from zero lose no precision."""
    mean = real.mean(axis=0)
    return real - mean, fake - mean


def squared_neighbour_radii(features: np.ndarray, k: int, progress: bool = False) -> np.ndarray:
    """Computes the squared distance of each row to its k-th nearest other row, float64 [rows]."""
    radii = np.empty(len(features))
    for rows, squares in squared_distance_blocks(features, features, progress):
        squares[np.arange(len(squares)), np.arange(rows.start, rows.start + len(squares))] = np.inf  # The row itself.
        squares.partition(k - 1, axis=1)
        radii[rows] = squares[:, k - 1]
    return radii


def nearest_distances(features: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Computes the distance of each row to the nearest of `others`, or to the nearest other row.

    Unlike `nearest_neighbours`, it accepts all features without checks, including those of a collapsed generator.

    Args:
        features: Float64 array [rows, dimensions].
        others: Float64 array [other rows, dimensions], or `None`.

    Returns:
        Float64 array [rows].
    """
    if others is None:
        return np.sqrt(squared_neighbour_radii(features, 1))
    return np.sqrt(np.concatenate([squares.min(axis=1) for _, squares in squared_distance_blocks(features, others)]))


def mean_distance(features: np.ndarray) -> float:
    """Computes the mean distance between different rows, of which there must be at least two."""
    total = sum(np.sqrt(squares).sum() for _, squares in squared_distance_blocks(features, features))
    return float(total / (len(features) * (len(features) - 1)))


def radius_rounding(features: np.ndarray, squared_radii: np.ndarray) -> np.ndarray:
    """Bounds the rounding errors of squared distances that are equal to `squared_radii` around `features`.

    Sets with common rows have such ties by construction. A point at distance r from x has a squared length of at most
    2 |x|^2 + 2 r^2.

    Args:
        features: Float64 array [rows, dimensions].
        squared_radii: Float64 array [rows].

    Returns:
        Float64 array [rows].
    """
    lengths = np.einsum("rd,rd->r", features, features)
    return np.finfo(np.float64).eps * features.shape[1] * (3.0 * lengths + 2.0 * squared_radii)


def squared_distance_blocks(
    left: np.ndarray, right: np.ndarray, progress: bool = False
) -> Iterator[tuple[slice, np.ndarray]]:
    """Computes the squared distances between all rows of two sets, in blocks of rows of `left`.

    Args:
        left: Float64 array [left rows, dimensions].
        right: Float64 array [right rows, dimensions].
        progress: Boolean. Whether to show the progress.

    Yields:
        Tuple of a slice of the rows of `left`, and their squared distances, float64 [block, right rows], which the
        caller may modify.
    """
    block_rows = max(_BLOCK_NUMBERS // len(right), 1)
    lengths = np.einsum("rd,rd->r", right, right)
    shown = ProgressLine("neighbors", len(left), progress, unit="rows")
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
