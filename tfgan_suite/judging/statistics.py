"""Rates with confidence intervals, and the agreement between raters."""

import numpy as np


def bootstrap_interval(values: np.ndarray, *, confidence: float = 0.95, draws: int = 10_000, seed: int = 0):
    """Computes the mean of judgments and its percentile bootstrap interval over raters and items.

    Raters and items are both resampled with replacement, so the interval generalizes to other people and other images.
    It is conservative (Owen 2007). If all values are equal, the bootstrap distribution has no spread; in this case, the
    other end of the interval is the exact binomial bound for the same number of items.

    Args:
        values: Float array `[raters, items]` of 0, 1, or NaN (not answered), with at least one value that is not NaN.
        confidence: Float in (0, 1). Confidence level.
        draws: Integer. Number of bootstrap samples.
        seed: Integer. Seed for the bootstrap samples.

    Returns:
        Tuple `(mean, low, high)`.

    Example:

    >>> bootstrap_interval(np.ones([1, 20]))  # 20 of 20: with a rate of 83%, it would still happen once in 40 times.
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
    """Computes Krippendorff's alpha for nominal judgments.

    1 is perfect agreement, 0 is the agreement expected by chance, and negative values are systematic disagreement.

    Args:
        categories: Float array `[raters, items]` of category numbers, or NaN (not answered). Items answered by only one
            rater are ignored.

    Returns:
        Float, or `None` if alpha is undefined: no item has two answers, or only one category occurs.

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
    # Pairs within an item have the weight 1 / (answers - 1); alpha is 1 - observed / expected disagreement.
    observed = (counts * (sizes - counts) / (sizes - 1)).sum() / totals.sum()
    expected = (totals * (totals.sum() - totals)).sum() / (totals.sum() * (totals.sum() - 1))
    return float(1.0 - observed / expected)
