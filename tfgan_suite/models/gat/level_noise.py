"""Noise for the levels of an image: much for the first sketch, almost none for the last."""

import numpy as np
import tensorflow as tf


def noise_deviations(num_levels):
    """The standard deviation of the noise of each level, from the first to the last, a float64 array.

    `1 - 0.125^(1 - i / (n - 1)) + 0.01` of the i-th of n levels: 0.885, 0.76, 0.51 and 0.01 for four.

    Example:

    >>> noise_deviations(4).round(3).tolist()
    [0.885, 0.76, 0.51, 0.01]
    """
    shares = np.linspace(0.0, 1.0, num_levels) if num_levels > 1 else np.ones(1)
    return 1.0 - 0.125 ** (1.0 - shares) + 0.01


def add_noise(levels, draws):
    """`(1 - t) x + n` for each level x, with noise n of the level's standard deviation t.

    The noises of one image belong together: that of a level is that of the next one, which is cleaner, shrunk as the image is,
    and more on top of it.

    Args:
        levels: List of float32 tensors `[batch, height, width, channels]`, from the first to the last.
        draws: List of standard normal tensors that broadcast to the levels, from the first to the last.

    Returns:
        List of float32 tensors `[batch, height, width, channels]`.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3.
    """
    deviations = noise_deviations(len(levels))
    noised, noise, cleaner = [], 0.0, None
    for level, draw, deviation in reversed(list(zip(levels, draws, deviations))):
        kept = 0.0 if cleaner is None else (1.0 - deviation) / (1.0 - cleaner)
        fresh = np.sqrt(deviation**2 - (0.0 if cleaner is None else (cleaner * kept) ** 2))
        noise = np.float32(kept) * noise + np.float32(fresh) * tf.cast(draw, tf.float32)
        noised.append(np.float32(1.0 - deviation) * level + noise)
        cleaner = deviation
    return noised[::-1]
