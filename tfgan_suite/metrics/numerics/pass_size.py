"""How many examples a network looks at in one pass."""

import math

# Larger passes are no faster, and tensors within a network that hold more than 2^31 numbers end the process inside
# TensorFlow: of 224 x 224 pixels in color these are 222 images.
_NUMBERS_A_PASS = 2**25


def pass_size(batch_size: int, *shapes: tuple[int, ...]) -> int:
    """The examples of one pass: `batch_size`, or fewer if that many would be too large.

    Args:
        batch_size: Integer >= 1. What was asked for.
        *shapes: Tuples of integers. The shapes of one example, on its way to and through the network.

    Example:

    >>> pass_size(10_000, (32, 32, 1)), pass_size(10_000, (32, 32, 1), (224, 224, 3)), pass_size(64, (224, 224, 3))
    (10000, 222, 64)
    """
    return max(1, min(batch_size, *(_NUMBERS_A_PASS // max(math.prod(shape), 1) for shape in shapes)))
