"""Perceptual path length: how much an image changes with a small step of its latent."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.foundation.randomness import fold, uniform
from tfgan_suite.generative.abilities import HasLatents, HasStyles, require
from tfgan_suite.metrics.lpips import LPIPS, MIN_SIZE, shared_lpips
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_score
from tfgan_suite.metrics.numerics.pass_size import pass_size
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.model_metric import Measurement, ModelMetric
from tfgan_suite.metrics.protocol.results import Evaluation
from tfgan_suite.metrics.protocol.score_rows import count_text
from tfgan_suite.metrics.protocol.scoring import Score
from tfgan_suite.metrics.protocol.subject import Subject

# Images are judged at this size at most: that of the network of the paper's distance.
LARGEST_SIZE = 256
_EPSILON = 1e-4
_TRIM = 0.01


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
    """Mean perceptual distance of two images an epsilon apart on a path between two latents, over epsilon squared.

    Low values mean that images change evenly and by little. The paper's distance is LPIPS with VGG16; the default here is
    the shift-tolerant LPIPS that comes in a package, so that **values do not compare with published ones**. Noise inputs
    are the stored ones; images above 256 pixels are averaged down to it.

    Args:
        model: A `GenerativeModel` that has latents; for W one that has styles (StyleGAN2).
        space: String. `"z"`: along great circles between latents; `"w"`: along straight lines between their styles.
        sampling: String. `"full"`: steps anywhere on the paths; `"end"`: only at their starts.
        num_samples: Integer >= 1. Paths; the papers take 100,000.
        epsilon: Float in (0, 1). Length of a step, as a share of the path.
        trim: Float in [0, 0.5). The share of the shortest, and of the longest, that is left out: those below the lower
            `trim` quantile and above the higher `1 - trim` one, as in the authors' measurements.
        seed: Integer. The seed of latents, classes (drawn as the model draws them) and places.
        batch_size: Integer >= 1. Pairs at a time, fewer where images are large; it changes no value beyond rounding.
        distance: Callable `(images, images) -> [batch]` on float images in [-1, 1]; by default one `LPIPS`.
        progress: Boolean. Whether to show progress.

    Returns:
        Float, the mean.

    Raises:
        MissingExtraError: The package of the default distance is not installed.
        UserError: The model has no latents or no W, or an argument is out of range.

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
    require(model, HasStyles if space == "w" else HasLatents, f'The perceptual path length with `space="{space}"`')
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

    batch_size = pass_size(batch_size, model.spec.shape)
    lengths, shown = [], ProgressLine("path lengths", num_samples, progress, unit="paths")
    for first in range(0, num_samples, batch_size):
        rows = slice(first, first + batch_size)
        distances = measure(starts[rows], ends[rows], places[rows], None if labels is None else labels[rows])
        lengths.append(distances.numpy().astype(np.float64) / epsilon**2)
        shown.advance(len(lengths[-1]))
    shown.close()
    lengths = np.concatenate(lengths)
    # As the authors': what lies between two lengths goes to the outer one, so that fewer are left out, not more.
    low, high = np.quantile(lengths, trim, method="lower"), np.quantile(lengths, 1.0 - trim, method="higher")
    return check_score(float(lengths[(lengths >= low) & (lengths <= high)].mean()), "The perceptual path length")


def _check_choices(space: str, sampling: str) -> None:
    for kind, received, choices in (("space", space, ("w", "z")), ("sampling", sampling, ("end", "full"))):
        if received not in choices:
            raise unknown_name(kind, received, choices)


def _check(space: str, sampling: str, num_samples: int, epsilon: float, trim: float) -> None:
    _check_choices(space, sampling)
    check_count(num_samples, "num_samples", None)
    if not 0.0 < epsilon < 1.0 or not 0.0 <= trim < 0.5:
        raise UserError(f"`epsilon` must be in (0, 1) and `trim` in [0, 0.5). Received: epsilon={epsilon}, trim={trim}")


def _in_z(model, epsilon: float) -> Callable:
    def make_pair(starts, ends, places, labels):
        return [model(spherical(starts, ends, place), labels, training=False) for place in (places, places + epsilon)]

    return make_pair


def _in_w(model, epsilon: float) -> Callable:
    def make_pair(starts, ends, places, labels):
        starts, ends = model.map(starts, labels), model.map(ends, labels)  # [batch, num_ws, w_size]
        places = places[:, :, tf.newaxis]
        return [model.synthesize(starts + (ends - starts) * place) for place in (places, places + epsilon)]

    return make_pair


def spherical(starts: tf.Tensor, ends: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Points on the great circles from `starts` to `ends`, float32 `[batch, latent_size]`, the length changing linearly.

    Args:
        starts: float32 `[batch, latent_size]`.
        ends: float32 `[batch, latent_size]`.
        places: float32 `[batch, 1]`, 0 for the start and 1 for the end.
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


class PerceptualPathLength(ModelMetric):
    """`perceptual_path_length` of a model with its protocol. The real images are only named in it, not read.

    It is measured without truncation, and by default on 1,000 paths; the papers take 100,000.

    Args:
        space: String. `"w"` or `"z"`; by default W if the model has it.
        sampling: String. `"full"` or `"end"`, see `perceptual_path_length`.
        distance: An `LPIPS`; by default the one of the package.

    Raises:
        UserError: `space` or `sampling` is none of these.

    Example:

    >>> metric = PerceptualPathLength(space="z")
    >>> tg.evaluate(gan, "data/digits", [metric], num_images=100)["perceptual_path_length_z_full_100"].value

    Reference: Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks", section 4.1.
    """

    name = "perceptual_path_length"
    kinds = ("image",)

    def __init__(self, space: str | None = None, sampling: str = "full", distance: LPIPS | None = None):
        _check_choices("w" if space is None else space, sampling)
        self._space = space
        self._sampling = sampling
        self._distance = distance

    def check(self, subject: Subject) -> None:
        model = subject.model
        require(model, HasStyles if self._space == "w" else HasLatents, self.name)
        for option in model.sampling_options:
            value = subject.sampling[option.name]
            if value != option.default:
                raise UserError(
                    f"`{option.name}` must be {option.default:g} for {self.name}, which is measured on all latents alike. "
                    f"Received: {option.name}={value:g}"
                )

    def measure(self, subject: Subject, seeds: Sequence[int], show_progress: bool) -> list[Measurement]:
        model, distance = subject.model, self._distance or shared_lpips()
        space = self._space or ("w" if model.can(HasStyles) else "z")
        generated = subject.generated(1000)
        options = {"space": space, "sampling": self._sampling, "epsilon": _EPSILON, "trim": _TRIM}
        scores = [
            Score(
                perceptual_path_length(
                    model,
                    num_samples=generated.count,
                    seed=seed,
                    batch_size=subject.batch_size,
                    distance=distance,
                    progress=show_progress,
                    **options,
                )
            )
            for seed in seeds
        ]
        protocol = {
            "metric_settings": options,
            "extractor": distance.name,
            "extractor_weights_sha256": distance.weights_sha256,
            "extractor_input_size": None,
            "extractor_resize": f"averaged to {LARGEST_SIZE} pixels, enlarged bilinearly to {MIN_SIZE}",
            "num_real": 0,
            **generated.protocol(),
            "label_sampling": None if model.num_classes is None else "by the model",
        }
        name = f"{self.name}_{space}_{self._sampling}_{count_text(generated.count)}"
        return [Measurement(name, scores, protocol, generated.run())]


def evaluate_perceptual_path_length(
    model,
    data: str | os.PathLike,
    *,
    space: str | None = None,
    sampling: str = "full",
    split: str = "train",
    num_images: int | None = None,
    repeats: int = 1,
    seed: int = 0,
    batch_size: int = 16,
    truncation: float = 1.0,
    distance: LPIPS | None = None,
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> Evaluation:
    """`evaluate` with `PerceptualPathLength` alone.

    Args:
        model: A `GenerativeModel` that has latents.
        data: String. The prepared directory that the model was trained on.
        space: See `PerceptualPathLength`.
        sampling: See `PerceptualPathLength`.
        split: String. The split of the data.
        num_images: Integer. Paths, each of two images; 1,000 by default.
        repeats: Integer >= 1. How many times to measure, with seeds `seed`, `seed + 1`, ...
        seed: Integer. The seed of latents, classes and places.
        batch_size: Integer >= 1. Paths at a time.
        truncation: Float. 1, since paths are those of untruncated latents.
        distance: See `PerceptualPathLength`.
        output_dir: String. A directory; the row is appended to its `metrics.json`.
        progress: Boolean. Whether to show progress.

    Returns:
        An `Evaluation` of one row, `perceptual_path_length_w_full_1k`.

    Raises:
        MissingExtraError: The package of the default distance is not installed.
        UserError: A model without latents, truncation, or an argument out of range.

    Example:

    >>> rows = evaluate_perceptual_path_length(gan, "data/digits", space="z", num_images=100)
    >>> rows["perceptual_path_length_z_full_100"].value
    """
    return evaluate(
        model,
        data,
        [PerceptualPathLength(space, sampling, distance)],
        split=split,
        num_images=num_images,
        repeats=repeats,
        seed=seed,
        batch_size=batch_size,
        truncation=truncation,
        output_dir=output_dir,
        progress=progress,
    )
