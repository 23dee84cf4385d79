"""How near an exported generator's images are to those of the model it was made of."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold

_SEED = 8
# Equal images have an infinite ratio, for which JSON has no number; float32 does not reach this one otherwise.
LARGEST_PSNR_DECIBELS = 200.0


@dataclasses.dataclass(frozen=True)
class Parity:
    """The comparison of one file with its model.

    Attributes:
        images: Compared.
        psnr_decibels: Peak signal-to-noise ratio over all pixels, between images cut to [-1, 1] (so the peak is 2).
        max_difference: Of any two pixels, out of 2.
    """

    images: int
    psnr_decibels: float
    max_difference: float


def draw_inputs(model, count):
    """Latents float32 `[count, latent_size]` and labels int32 `[count]`, or `None`, as `generate` would draw them."""
    seed = tf.constant(_SEED, tf.int64)
    latents = model.sample_latents(count, fold(seed, "parity", "latents"))
    labels = model.sample_labels(count, fold(seed, "parity", "labels"))
    return np.asarray(latents), None if labels is None else np.asarray(labels)


def measure_parity(model, exported, count=16) -> Parity:
    """Compares the images of a model and of its export, of the same latents and labels.

    Args:
        model: A `GenerativeModel`.
        exported: Function of latents and labels to float32 images.
        count: Images, >= 1.

    Example:

    >>> model = tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2)
    >>> measure_parity(model, lambda latents, labels: np.asarray(model(latents))).psnr_decibels
    200.0
    """
    latents, labels = draw_inputs(model, count)
    expected = np.clip(np.asarray(model(latents, labels, training=False), np.float64), -1.0, 1.0)
    received = np.clip(np.asarray(exported(latents, labels), np.float64), -1.0, 1.0)
    if received.shape != expected.shape:
        raise ValueError(f"Expected images of shape {expected.shape}. Received: {received.shape}")
    if not np.isfinite(received).all():
        return Parity(count, float("-inf"), float("inf"))
    mean_square = np.mean(np.square(received - expected))
    psnr = LARGEST_PSNR_DECIBELS if mean_square == 0 else 10 * np.log10(4 / mean_square)
    return Parity(count, round(float(min(psnr, LARGEST_PSNR_DECIBELS)), 2), float(np.abs(received - expected).max()))
