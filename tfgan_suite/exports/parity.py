"""How near an exported generator's examples are to those of the model it was made of."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold

_SEED = 8
# Equal examples have an infinite ratio, for which JSON has no number; float32 does not reach this one otherwise.
LARGEST_PSNR_DECIBELS = 200.0


@dataclasses.dataclass(frozen=True)
class Parity:
    """The comparison of one file with its model.

    Attributes:
        examples: Integer. How many were compared.
        psnr_decibels: Float. Peak signal-to-noise ratio over all values.
        max_difference: Float. The largest difference of two values.
        peak: Float. The length of the range that values can lie in: 2 for images, which are in [-1, 1].
    """

    examples: int
    psnr_decibels: float
    max_difference: float
    peak: float


def draw_inputs(model, count):
    """Latents float32 `[count, *latent_shape]` and labels int32 `[count]`, or `None`, as `generate` would draw them."""
    seed = tf.constant(_SEED, tf.int64)
    latents = model.sample_latents(count, fold(seed, "parity", "latents"))
    labels = model.sample_labels(count, fold(seed, "parity", "labels"))
    return np.asarray(latents), None if labels is None else np.asarray(labels)


def measure_parity(model, exported, count=16) -> Parity:
    """Compares the examples of a model and of its export, made of the same latents and labels.

    Args:
        model: A `GenerativeModel` that `HasLatents`.
        exported: Function of latents and labels to examples as they are inside of models.
        count: Integer >= 1. The examples to compare.

    Example:

    >>> model = tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2)
    >>> measure_parity(model, lambda latents, labels: np.asarray(model(latents))).psnr_decibels
    200.0
    """
    latents, labels = draw_inputs(model, count)
    expected = np.asarray(model(latents, labels, training=False), np.float64)
    received = np.asarray(exported(latents, labels), np.float64)
    if received.shape != expected.shape:
        raise ValueError(f"`exported` must return the shape {expected.shape}. Received: {received.shape}")
    bounds = _bounds(model.spec) or (expected.min(), expected.max())
    expected, received = np.clip(expected, *bounds), np.clip(received, *bounds)
    peak = float(bounds[1] - bounds[0]) or 1.0
    if not np.isfinite(received).all():
        return Parity(count, float("-inf"), float("inf"), peak)
    mean_square = np.mean(np.square(received - expected))
    psnr = LARGEST_PSNR_DECIBELS if mean_square == 0 else 10 * np.log10(peak**2 / mean_square)
    psnr = round(float(min(psnr, LARGEST_PSNR_DECIBELS)), 2)
    return Parity(count, psnr, float(np.abs(received - expected).max()), peak)


def _bounds(spec):
    """The range of values inside of models where the edge has one, as 8 bits do: values beyond are never seen."""
    dtype = np.dtype(spec.edge_dtype)
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        return None
    limits = tf.constant([np.iinfo(dtype).min, np.iinfo(dtype).max], tf.as_dtype(dtype))
    return tuple(np.asarray(spec.to_model(limits), np.float64))
