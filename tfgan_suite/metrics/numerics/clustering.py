"""k-means: the bins of scores that ask where fakes lie among real images."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.neighbours import squared_distance_blocks


def nearest_centres(features: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the nearest centre, and the squared distance from it, of each row."""
    bins, squares = np.empty(len(features), np.int64), np.empty(len(features))
    for rows, block in squared_distance_blocks(features, centres):
        bins[rows] = block.argmin(axis=1)
        squares[rows] = block.min(axis=1)
    return bins, squares


def move_centres(features: np.ndarray, centres: np.ndarray, max_iterations: int) -> np.ndarray:
    """Centres [count, dimensions] after Lloyd's iterations, until no row changes its centre.

    A centre that is nearest to no row stays where it is.

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
    """`count` different rows, each drawn in proportion to its squared distance from those before.

    Raises:
        UserError: There are fewer different rows.

    Reference: Arthur and Vassilvitskii 2007, "k-means++".
    """
    generator = np.random.default_rng(seed)
    centres = features[[generator.integers(len(features))]]
    squares = np.square(features - centres[0]).sum(axis=1)
    while len(centres) < count:
        if not squares.any():
            raise UserError(f"Expected num_bins of at most {len(centres)}, the different real rows. Received: {count}.")
        chosen = features[generator.choice(len(features), p=squares / squares.sum())]
        centres = np.concatenate([centres, chosen[None]])
        squares = np.minimum(squares, np.square(features - chosen).sum(axis=1))
    return centres
