"""Ways between styles."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def interpolate_styles(start, end, steps):
    """Styles on the straight way from `start` to `end`, both included.

    In W, unlike among latents, the straight way is the right one: W has no shell on which its mass lies.

    Args:
        start: float `[num_ws, w_size]`.
        end: float `[num_ws, w_size]`.
        steps: How many, >= 2.

    Returns:
        float32 `[steps, num_ws, w_size]`.

    Raises:
        UserError: Fewer than two steps.

    Example:

    >>> interpolate_styles(np.zeros([1, 1]), np.ones([1, 1]), steps=3).ravel().tolist()
    [0.0, 0.5, 1.0]

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019), section
    4.1.
    """
    if steps < 2:
        raise UserError(f"Expected at least 2 steps, the two ends. Received: {steps}")
    fractions = np.linspace(0.0, 1.0, steps)[:, np.newaxis, np.newaxis]
    return ((1.0 - fractions) * np.asarray(start) + fractions * np.asarray(end)).astype(np.float32)
