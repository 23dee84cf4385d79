"""Interpolation between styles."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def interpolate_styles(start, end, steps):
    """Interpolates linearly between two styles.

    Linear interpolation is right for W, unlike for normal latents, because the mass of W does not lie on a shell.

    Args:
        start: Float array `[num_ws, w_size]`. First style.
        end: Float array `[num_ws, w_size]`. Last style.
        steps: Integer >= 2. Number of styles, including both ends.

    Returns:
        Float32 array `[steps, num_ws, w_size]`.

    Raises:
        UserError: If there are fewer than two steps.

    Example:

    >>> interpolate_styles(np.zeros([1, 1]), np.ones([1, 1]), steps=3).ravel().tolist()
    [0.0, 0.5, 1.0]

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019), section
    4.1.
    """
    if steps < 2:
        raise UserError(f"`steps` must be >= 2, to include both ends. Received: steps={steps}")
    fractions = np.linspace(0.0, 1.0, steps)[:, np.newaxis, np.newaxis]
    return ((1.0 - fractions) * np.asarray(start) + fractions * np.asarray(end)).astype(np.float32)
