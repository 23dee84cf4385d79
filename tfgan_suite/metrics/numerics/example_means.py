"""Means over examples."""

import numpy as np


def mean_and_standard_error(values: np.ndarray) -> tuple[float, float]:
    """The mean of one number an example, and the standard error of that mean.

    Args:
        values: Float array `[count]`, at least 2.

    Returns:
        Two floats.

    Example:

    >>> mean_and_standard_error(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    values = np.asarray(values, np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
