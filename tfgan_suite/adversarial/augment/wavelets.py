"""Orthogonal wavelets: the low-pass filters of the augmentation pipeline, and the band filters built from them.

The coefficients of the symlets follow from their order: orthonormal to their own even shifts, with as many vanishing
moments as the order, and as symmetric as that allows (Daubechies, "Ten Lectures on Wavelets" (1992), 8.1.1).
"""

import numpy as np

# Scaling filters h with sum sqrt(2).
SYM2 = np.array([-0.12940952255126037, 0.2241438680420134, 0.8365163037378079, 0.48296291314453416])
SYM6 = np.array(
    [
        0.015404109327027373,
        0.0034907120842174702,
        -0.11799011114819057,
        -0.048311742585633,
        0.4910559419267466,
        0.787641141030194,
        0.3379294217276218,
        -0.07263752278646252,
        -0.021060292512300564,
        0.04472490177066578,
        0.0017677118642428036,
        -0.007800708325034148,
    ]
)


def octave_bands(scaling_filter, num_bands=4):
    """Returns zero-phase filters that split the spectrum into octaves and sum to 1, lowest band first.

    With L(z) = H(z) H(1/z) / 2 and its mirror image L(-z) = 1 - L(z), the bands from the highest down are L(-z),
    L(z) L(-z^2), L(z) L(z^2) L(-z^4), and so on, and the lowest is the remainder.

    Args:
        scaling_filter: Float array of shape `[taps]`. Coefficients of H.
        num_bands: Integer >= 2. Number of octaves. The lowest band is [0, pi / 2^(num_bands - 1)].

    Returns:
        float64 `[num_bands, length]` with an odd `length`, each filter centered.

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), appendix B.
    """
    low = np.convolve(scaling_filter, scaling_filter[::-1]) / 2.0
    center = len(low) // 2
    high = low * (-1.0) ** np.abs(np.arange(len(low)) - center)
    bands, passed = [], np.ones(1)
    for octave in range(num_bands - 1):
        bands.append(np.convolve(passed, _spread(high, 2**octave)))
        passed = np.convolve(passed, _spread(low, 2**octave))
    bands.append(passed)
    margins = [(len(passed) - len(band)) // 2 for band in bands]
    return np.stack([np.pad(band, margin) for band, margin in zip(bands, margins)])[::-1]


def _spread(taps, step):
    """Returns the coefficients of H(z^step)."""
    spread = np.zeros((len(taps) - 1) * step + 1)
    spread[::step] = taps
    return spread
