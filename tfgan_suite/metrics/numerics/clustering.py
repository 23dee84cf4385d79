"""k-means clustering, for scores that count generated images in bins of real images."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.neighbours import squared_distance_blocks


def nearest_centres(features: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assigns each row to its nearest center.

    Args:
        features: Float64 array [rows, dimensions].
        centres: Float64 array [count, dimensions].

    Returns:
        Tuple of the index of the nearest center, int64 [rows], and the squared distance to it, float64 [rows].
    """
    bins, squares = np.empty(len(features), np.int64), np.empty(len(features))
    for rows, block in squared_distance_blocks(features, centres):
        bins[rows] = block.argmin(axis=1)
        squares[rows] = block.min(axis=1)
    return bins, squares


def move_centres(features: np.ndarray, centres: np.ndarray, max_iterations: int) -> np.ndarray:
    """Refines centers by Lloyd's iterations, until no row changes its center.

    A center that is not the nearest one of any row does not move.

    Args:
        features: Float64 array [rows, dimensions].
        centres: Float64 array [count, dimensions]. Initial centers.
        max_iterations: Integer. Maximum number of iterations.

    Returns:
        Float64 array [count, dimensions].

    Reference: Lloyd 1982, "Least Squares Quantization in PCM".
    """
    bins = None
    for _ in range(max_iterations):
        before, (bins, _) = bins, nearest_centres(features, centres)
        if before is not None and (bins == before).all():
            break
        order = np.argsort(bins, kind="stable")
        counts = np.bincount(bins, minlength=len(centres))
        starts = np.cumsum(counts) - counts
        sums = np.add.reduceat(features[order], np.minimum(starts, len(features) - 1), axis=0)
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    return centres


def spread_centres(features: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Selects different rows as centers, each with a probability proportional to its squared distance to earlier ones.

    Args:
        features: Float64 array [rows, dimensions].
        count: Integer. Number of centers.
        seed: Integer. Seed for the selection.

    Returns:
        Float64 array [count, dimensions].

    Raises:
        UserError: If there are fewer than `count` different rows.

    Reference: Arthur and Vassilvitskii 2007, "k-means++".
    """
    generator = np.random.default_rng(seed)
    centres = features[[generator.integers(len(features))]]
    squares = np.square(features - centres[0]).sum(axis=1)
    while len(centres) < count:
        if not squares.any():
            raise UserError(
                f"`num_bins` must be at most {len(centres)}, the number of different real rows. Received: "
                f"num_bins={count}"
            )
        chosen = features[generator.choice(len(features), p=squares / squares.sum())]
        centres = np.concatenate([centres, chosen[None]])
        squares = np.minimum(squares, np.square(features - chosen).sum(axis=1))
    return centres
