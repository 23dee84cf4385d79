"""Masks: which parts of examples are given."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def check_mask(mask, count, positions):
    """A mask of each of `count` examples, a boolean array `[count, *positions]`.

    Args:
        mask: Boolean array of that shape, or without the first axis for all examples alike.
        count: Integer. The examples.
        positions: Tuple of integers. The `positions` of the spec.

    Raises:
        UserError: It is not boolean, or of another shape.

    Example:

    >>> check_mask(np.array([[True, False]]), 3, (1, 2)).shape
    (3, 1, 2)
    """
    mask, positions = np.asarray(mask), tuple(positions)
    if mask.dtype != bool or mask.shape not in (positions, (count, *positions)):
        raise UserError(
            f"`mask` must be boolean of shape {positions}, or {(count, *positions)} for a mask of each example. "
            f"Received: dtype={mask.dtype}, shape={mask.shape}"
        )
    return np.broadcast_to(mask, [count, *positions])
