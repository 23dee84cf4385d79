"""Perceptual path length: how much a picture changes with a small step of its latent."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.foundation.randomness import fold, uniform
from tfgan_suite.metrics.lpips import shared_lpips
from tfgan_suite.metrics.numerics.feature_checks import check_count

# Pictures are judged at this size at the most: that of the network of the paper's distance.
LARGEST_SIZE = 256


def perceptual_path_length(
    model,
    *,
    space: str = "w",
    sampling: str = "full",
    num_samples: int = 1000,
    epsilon: float = 1e-4,
    trim: float = 0.01,
    seed: int = 0,
    batch_size: int = 16,
    distance: Callable | None = None,
    progress: bool = False,
) -> float:
    """Mean perceptual distance of two pictures an epsilon apart on a path between two latents, over epsilon squared.

    Low values say that pictures change evenly and by little. The paper's distance is LPIPS with VGG16; the default here
    is the shift-tolerant LPIPS that comes in a package, so that **values do not compare with published ones**. Noise
    inputs are the stored ones; pictures above 256 pixels are averaged down to it.

    Args:
        model: A `GenerativeModel`; for W one whose generator has `map` and `synthesize` (StyleGAN2).
        space: `"z"`: along great circles between latents; `"w"`: along straight lines between their styles.
        sampling: `"full"`: steps anywhere on the paths; `"end"`: only at their starts.
        num_samples: Paths; the papers take 100,000.
        epsilon: Length of a step, as a share of the path.
        trim: Share of the shortest, and of the longest, that is left out as the authors' measurements do.
        seed: Of latents, classes (drawn as the model draws them) and places.
        batch_size: Pairs at a time; changes no value beyond rounding.
        distance: `(images, images) -> [batch]` on float images in [-1, 1]; by default one `LPIPS`.
        progress: Whether to show progress.

    Returns:
        The mean.

    Raises:
        MissingExtraError: The package of the default distance is not installed.
        UserError: The model has no W, or an argument is out of range.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> def squares(images, others):
    ...     return tf.reduce_sum(tf.square(images - others), axis=[1, 2, 3])
    >>> perceptual_path_length(gan, space="z", num_samples=4, distance=squares) > 0
    True

    Reference: Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks",
    section 4.1 (equations 2 and 3).
    """
    _check(space, sampling, num_samples, epsilon, trim)
    make_pair = _in_w(model, epsilon) if space == "w" else _in_z(model, epsilon)
    distance = distance or shared_lpips()
    seed = fold(seed, "perceptual_path_length")
    starts, ends = (model.sample_latents(num_samples, fold(seed, name)) for name in ("starts", "ends"))
    labels = model.sample_labels(num_samples, fold(seed, "labels"))
    places = uniform([num_samples, 1], fold(seed, "places")) if sampling == "full" else tf.zeros([num_samples, 1])

    @tf.function(reduce_retracing=True, autograph=False)
    def measure(starts, ends, places, labels):
        images, others = (
            _at_most_256(tf.cast(images, tf.float32)) for images in make_pair(starts, ends, places, labels)
        )
        return distance(images, others)

    lengths, shown = [], ProgressLine("path lengths", num_samples, progress, unit="paths")
    for first in range(0, num_samples, batch_size):
        rows = slice(first, first + batch_size)
        distances = measure(starts[rows], ends[rows], places[rows], None if labels is None else labels[rows])
        lengths.append(distances.numpy().astype(np.float64) / epsilon**2)
        shown.advance(len(lengths[-1]))
    shown.close()
    lengths = np.concatenate(lengths)
    low, high = np.quantile(lengths, [trim, 1.0 - trim], method="inverted_cdf")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())


def _check(space: str, sampling: str, num_samples: int, epsilon: float, trim: float) -> None:
    for kind, received, choices in (("space", space, ("w", "z")), ("sampling", sampling, ("end", "full"))):
        if received not in choices:
            raise unknown_name(kind, received, choices)
    check_count(num_samples, "num_samples", None)
    if not 0.0 < epsilon < 1.0 or not 0.0 <= trim < 0.5:
        raise UserError(f"Expected epsilon in (0, 1) and trim in [0, 0.5). Received: {epsilon} and {trim}.")


def _in_z(model, epsilon: float) -> Callable:
    def make_pair(starts, ends, places, labels):
        return [model(spherical(starts, ends, place), labels, training=False) for place in (places, places + epsilon)]

    return make_pair


def _in_w(model, epsilon: float) -> Callable:
    generator = getattr(model, "ema_generator", model)
    if not (hasattr(generator, "map") and hasattr(generator, "synthesize")):
        raise UserError(f'{type(model).__name__} has no W space: expected space="z", or a StyleGAN2.')

    def make_pair(starts, ends, places, labels):
        starts, ends = generator.map(starts, labels), generator.map(ends, labels)  # [batch, num_ws, w_size]
        places = places[:, :, tf.newaxis]
        return [generator.synthesize(starts + (ends - starts) * place) for place in (places, places + epsilon)]

    return make_pair


def spherical(starts: tf.Tensor, ends: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Points on the great circles from `starts` to `ends` [batch, latent_size], the length changing linearly.

    Args:
        starts: float32 [batch, latent_size].
        ends: float32 [batch, latent_size].
        places: float32 [batch, 1], 0 for the start and 1 for the end.
    """
    # Float64: a step of 1e-4 is a small difference of two points.
    starts, ends, places = (tf.cast(array, tf.float64) for array in (starts, ends, places))
    lengths = [tf.norm(points, axis=1, keepdims=True) for points in (starts, ends)]
    starts, ends = starts / lengths[0], ends / lengths[1]
    cosine = tf.reduce_sum(starts * ends, axis=1, keepdims=True)
    across = tf.math.l2_normalize(ends - cosine * starts, axis=1)  # The circle's other axis.
    angle = places * tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    directions = tf.cos(angle) * starts + tf.sin(angle) * across
    return tf.cast(directions * (lengths[0] + (lengths[1] - lengths[0]) * places), tf.float32)


def _at_most_256(images: tf.Tensor) -> tf.Tensor:
    factor = min(images.shape[1:3]) // LARGEST_SIZE
    return tf.nn.avg_pool2d(images, factor, factor, "VALID") if factor > 1 else images
