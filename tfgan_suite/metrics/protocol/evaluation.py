"""evaluate(model, data): images in, rows of scores out, each with all that its value depends on.

One pass generates the images and one reads the real ones, whatever the number of metrics and extractors; what was
gathered from the real images is kept on disk.
"""

import os
import time
from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.protocol.generated_images import GeneratedImages
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.real_images import RealImages
from tfgan_suite.metrics.protocol.results import Comparison, Evaluation, EvaluationRow, compare
from tfgan_suite.metrics.protocol.score_rows import count_text, deliver, make_row
from tfgan_suite.metrics.protocol.scoring import Score, ScoringJob, gather_real, score_fakes
from tfgan_suite.metrics.protocol.scoring_jobs import Extractors, check_class_counts, make_extractors, make_jobs

__all__ = ["Comparison", "Evaluation", "EvaluationRow", "compare", "evaluate", "evaluate_real"]


def evaluate(
    model: keras.Model,
    data: str | os.PathLike | tf.data.Dataset,
    metrics: Iterable[Metric] | None = None,
    *,
    extractor: Extractors = "efficientnet-lite0",
    split: str = "train",
    num_images: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    truncation: float = 1.0,
    output_dir: str | os.PathLike | None = None,
    repeats: int = 1,
    progress: bool = True,
) -> Evaluation:
    """Scores a model's images against real ones.

    Class-conditional models are asked for the classes in the proportions of the real images; where those have no
    classes, the model draws its own.

    Args:
        model: A `GenerativeModel`, or anything with its `generate`, `num_classes` and `image_shape`.
        data: A prepared directory, or a finite `tf.data.Dataset` of batches `(images, labels)` or `images`: float in
            [-1, 1] or uint8, [batch, height, width, channels].
        metrics: Objects such as `FrechetDistance()`. By default those that fit the extractor: distances and the
            Inception Score; for the classifier of the data its Inception Score, share of confident samples and agreement.
        extractor: `"efficientnet-lite0"`, `"dataset-classifier"`, a `FeatureExtractor`, or a list of these.
        split: Of a prepared directory.
        num_images: Images to generate, by default as many as there are real ones. All real images are used always.
        seed: Of the generated images; repeat k uses seed + k.
        batch_size: Images looked at in one go. It changes no value beyond rounding.
        truncation: In [0, 1], passed to the model.
        output_dir: Rows are appended to `metrics.json` there.
        repeats: Times to generate and score anew; rows then hold mean, standard deviation and minimum.
        progress: Whether to show counts, images per second and time left on standard error.

    Returns:
        The rows. Names end in the number of generated images: `frechet_distance_5k`.

    Raises:
        UserError: Data, model, metrics and extractor do not fit together, or an argument is out of range.
        MissingExtraError: The default extractor's weights are not installed.

    Example:

    >>> evaluation = tg.evaluate(gan, "data/digits", [tg.metrics.FrechetDistance()], num_images=1000)
    >>> evaluation["frechet_distance_1k"].value
    """
    _check_arguments(num_images, batch_size, truncation, repeats)
    real = RealImages(data, split, batch_size)
    generated = GeneratedImages(model, real, num_images or real.num_images, batch_size, truncation)
    labelled = generated.class_counts is not None
    jobs = make_jobs(make_extractors(extractor, data, split, progress), metrics, labelled)
    if labelled:
        check_class_counts(jobs, real.class_counts, generated.class_counts)
    start = time.perf_counter()
    gather_real(jobs, real, progress)
    seconds_real, start = time.perf_counter() - start, time.perf_counter()
    repeated = [
        score_fakes(jobs, generated.batches(seed + repeat), ProgressLine("generated images", generated.count, progress))
        for repeat in range(repeats)
    ]
    run = {
        **generated.run(),
        "seed": seed,
        "seconds_real": round(seconds_real, 3),
        "seconds_generated": round(time.perf_counter() - start, 3),
    }
    rows = []
    for job, scores in zip(jobs, zip(*repeated, strict=True), strict=True):
        protocol = {**generated.protocol(), "num_real": real.num_images if job.metric.needs_real else 0}
        rows += _make_rows(job, scores, real, count_text(generated.count), protocol, run)
    return deliver(rows, output_dir)


def evaluate_real(
    data: str | os.PathLike | tf.data.Dataset,
    metrics: Iterable[Metric] | None = None,
    *,
    extractor: Extractors = "efficientnet-lite0",
    split: str = "train",
    batch_size: int = 64,
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> Evaluation:
    """Scores the real images themselves: what a perfect generator would get.

    Distances are between two random halves of the images (drawn with a seed of 0). They are of half the count and, for
    the Frechet distance, biased upwards accordingly: a floor to read scores by, not a score to reach. Metrics that look
    at no real images see the whole set. Names end in `_real_halves` and `_real`. After an `evaluate` with the same data,
    extractor and metrics all of it comes from the cache.

    Args:
        data: A prepared directory or a finite data set, as in `evaluate`.
        metrics: Metric objects; by default those of `evaluate`.
        extractor: As in `evaluate`.
        split: Of a prepared directory.
        batch_size: Images of one pass through the extractor; changes no value.
        output_dir: Where to add the rows to `metrics.json`, or `None`.
        progress: Whether to show progress.

    Returns:
        The rows.

    Raises:
        UserError: As `evaluate`.

    Example:

    >>> evaluate_real("data/digits", [tg.metrics.FrechetDistance()])["frechet_distance_2500_real_halves"].value
    """
    _check_arguments(None, batch_size, 1.0, 1)
    real = RealImages(data, split, batch_size)
    jobs = make_jobs(make_extractors(extractor, data, split, progress), metrics, real.class_counts is not None)
    start = time.perf_counter()
    gather_real(jobs, real, progress, references_needed=True)
    run = {"model": None, "images_seen": None, "seed": 0, "seconds_real": round(time.perf_counter() - start, 3)}
    rows = []
    for job in jobs:
        if job.reference is None:
            raise UserError(
                f"{job.metric.name} needs at least {job.metric.min_images_per_class} images of each class in either half. "
                "Expected more real images, or other metrics."
            )
        num_fake = real.num_images // 2 if job.metric.needs_real else real.num_images
        protocol = {
            "num_fake": num_fake,
            "num_real": real.num_images - num_fake,
            "truncation": None,
            "weights": None,
            "label_sampling": "real images",
        }
        suffix = f"{count_text(num_fake)}_{'real_halves' if job.metric.needs_real else 'real'}"
        rows += _make_rows(job, [job.reference], real, suffix, protocol, run)
    return deliver(rows, output_dir)


def _make_rows(
    job: ScoringJob, repeated: Sequence[dict[str, Score]], real: RealImages, suffix: str, protocol: dict, run: dict
) -> list[EvaluationRow]:
    """A row for each of a job's scores; `repeated` holds them for each repeat."""
    protocol = {
        "metric": job.metric.name,
        "metric_settings": job.metric.settings,
        **job.extractor.provenance(),
        **protocol,
    }
    return [
        make_row(
            f"{name}_{suffix}",
            [scores[key] for scores in repeated],
            real,
            direction=direction,
            std_over=job.metric.std_over,
            protocol=protocol,
            run={**job.extractor.origin(), **run},
        )
        for name, (key, direction) in zip(job.names, job.metric.directions.items())
    ]


def _check_arguments(num_images: int | None, batch_size: int, truncation: float, repeats: int) -> None:
    if num_images is not None and num_images < 2:
        raise UserError(f"Expected num_images >= 2. Received: {num_images}.")
    if batch_size < 1 or repeats < 1:
        raise UserError(f"Expected batch_size and repeats >= 1. Received: {batch_size} and {repeats}.")
    if not 0.0 <= truncation <= 1.0:
        raise UserError(f"Expected truncation in [0, 1]. Received: {truncation}.")
