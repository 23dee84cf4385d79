"""How near the outputs of an exported file are to those of the model it was made of."""

import dataclasses

import numpy as np

SEED = 8
# Equal examples have an infinite ratio, for which JSON has no number; float32 does not reach this one otherwise.
LARGEST_PSNR_DECIBELS = 200.0


@dataclasses.dataclass(frozen=True)
class Parity:
    """The comparison of one file with its model.

    Attributes:
        examples: Integer. How many rows were compared.
        psnr_decibels: Float. Peak signal-to-noise ratio over all values.
        max_difference: Float. The largest difference of two values.
        peak: Float. The length of the range that values can lie in: 2 for images, which are in [-1, 1]; their own range for what has no bounds.
    """

    examples: int
    psnr_decibels: float
    max_difference: float
    peak: float


def measure_parity(function, exported, count=16) -> Parity:
    """Compares the outputs of a model's function and of its file, of the same inputs.

    Args:
        function: A `FileFunction`.
        exported: Function of arrays by the names of the inputs to the output.
        count: Integer >= 1. The rows to compare.

    Example:

    >>> from tfgan_suite.exports.file_functions import GenerateFunction
    >>> model = tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2)
    >>> measure_parity(GenerateFunction(model), lambda latents: np.asarray(model(latents))).psnr_decibels
    200.0
    """
    inputs = function.draw(count, SEED, "parity")
    expected = np.asarray(function.call(**inputs), np.float64)
    received = np.asarray(exported(**{name: np.asarray(values) for name, values in inputs.items()}), np.float64)
    if received.shape != expected.shape:
        raise ValueError(f"`exported` must return the shape {expected.shape}. Received: {received.shape}")
    bounds = function.bounds or (expected.min(), expected.max())
    expected, received = np.clip(expected, *bounds), np.clip(received, *bounds)
    peak = float(bounds[1] - bounds[0]) or 1.0
    if not np.isfinite(received).all():
        return Parity(count, float("-inf"), float("inf"), peak)
    mean_square = np.mean(np.square(received - expected))
    psnr = LARGEST_PSNR_DECIBELS if mean_square == 0 else 10 * np.log10(peak**2 / mean_square)
    psnr = round(float(min(psnr, LARGEST_PSNR_DECIBELS)), 2)
    return Parity(count, psnr, float(np.abs(received - expected).max()), peak)
