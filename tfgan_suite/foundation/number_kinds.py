"""What kind of number an argument is, Python's or NumPy's. `True` is none."""

import math
import numbers


def is_number(value):
    """Whether a value is a finite number.

    Example:

    >>> [is_number(value) for value in (1, 0.5, float("nan"), "1", True)]
    [True, True, False, False, False]
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value):
    """Whether a value is an integer >= 1.

    Example:

    >>> [is_count(value) for value in (1, 0, 1.0, "1", True)]
    [True, False, False, False, False]
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1
