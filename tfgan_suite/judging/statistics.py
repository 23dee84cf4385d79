"""Rates with intervals, and how far raters agree."""

import numpy as np


def bootstrap_interval(values: np.ndarray, *, confidence: float = 0.95, draws: int = 10_000, seed: int = 0):
    """Mean of judgements, and its percentile bootstrap interval over raters and items.

    Raters and items are both drawn with replacement: the interval is for other people and other pictures. It is
    conservative (Owen 2007). Where all values are equal, a bootstrap knows no spread: then the other end is the exact
    binomial bound for as many items.

    Args:
        values: 0, 1 or NaN (not answered), `[raters, items]`; at least one is not NaN.
        confidence: In (0, 1).
        draws: Of the bootstrap.
        seed: Of the draws.

    Returns:
        `(mean, low, high)`.

    Example:

    >>> bootstrap_interval(np.ones([1, 20]))  # 20 of 20: at 83% it would still happen in one of 40 cases.
    (1.0, 0.8315665..., 1.0)

    Reference: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Owen 2007, "The Pigeonhole Bootstrap";
    Clopper and Pearson 1934, "The Use of Confidence or Fiducial Limits".
    """
    answered = ~np.isnan(values)
    values = np.where(answered, values, 0.0)
    mean = float(values.sum() / answered.sum())
    tail = (1.0 - confidence) / 2.0
    if mean in (0.0, 1.0):
        reach = 1.0 - tail ** (1.0 / answered.any(axis=0).sum())
        return (mean, 0.0, float(reach)) if mean == 0.0 else (mean, float(1.0 - reach), 1.0)
    generator = np.random.default_rng(seed)
    raters, items = (generator.multinomial(count, np.full(count, 1.0 / count), draws) for count in values.shape)
    sums, counts = (((raters @ table) * items).sum(axis=1) for table in (values, answered))
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return mean, float(low), float(high)


def krippendorff_alpha(categories: np.ndarray) -> float | None:
    """Krippendorff's alpha of nominal judgements: 1 for agreement, 0 for that of chance, below for disagreement.

    Args:
        categories: Numbers, each a category, or NaN (not answered), `[raters, items]`. Items of one rater alone do not
            count.

    Returns:
        Alpha, or `None` where it has no meaning: no item with two answers, or one category alone.

    Example:

    >>> krippendorff_alpha(np.array([[0.0, 1.0], [0.0, 1.0]]))
    1.0

    Reference: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    """
    found = np.unique(categories[~np.isnan(categories)])
    counts = np.stack([(categories == category).sum(axis=0) for category in found], axis=1) if len(found) else None
    if counts is None:
        return None
    counts = counts[counts.sum(axis=1) > 1]  # [items, categories]
    sizes, totals = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    if np.count_nonzero(totals) < 2:
        return None
    # Pairs within an item weigh 1 / (answers - 1); alpha is 1 - observed / expected disagreement.
    observed = (counts * (sizes - counts) / (sizes - 1)).sum() / totals.sum()
    expected = (totals * (totals.sum() - totals)).sum() / (totals.sum() * (totals.sum() - 1))
    return float(1.0 - observed / expected)
