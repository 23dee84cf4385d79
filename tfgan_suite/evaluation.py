"""evaluate(model, data): images in, rows of scores out, each with all that its value depends on.

One pass generates the images and one reads the real ones, whatever the number of metrics and extractors; what was
gathered from the real images is kept on disk.
"""

import datetime
import os
import time
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.errors import UserError, unknown_name
from tfgan_suite.metrics.classifier_scores import ClassAgreement, ConfidentShare
from tfgan_suite.metrics.features.dataset_classifier import DatasetClassifier
from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.frechet_distance import FrechetDistance
from tfgan_suite.metrics.inception_score import InceptionScore
from tfgan_suite.metrics.kernel_distance import KernelDistance
from tfgan_suite.metrics.metric import Metric
from tfgan_suite.metrics.progress import Progress
from tfgan_suite.metrics.real_images import RealImages
from tfgan_suite.metrics.results import Comparison, Evaluation, EvaluationRow, compare
from tfgan_suite.metrics.scoring import ScoringJob, gather_real, score_fakes
from tfgan_suite.versions import library_versions

__all__ = ["Comparison", "Evaluation", "EvaluationRow", "compare", "evaluate", "evaluate_real"]

# Images are generated in parts of this size with seeds of their own, so that the batch size changes no image and the
# whole never has to fit into memory. The first part is `model.generate(count, seed=seed)`.
_IMAGES_PER_SEED = 512

Extractors = str | FeatureExtractor | Sequence[str | FeatureExtractor]


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
    _check_model(model, real)
    labelled = model.num_classes is not None and real.class_counts is not None
    jobs = _make_jobs(_make_extractors(extractor, data, split, progress), metrics, labelled)
    start = time.perf_counter()
    gather_real(jobs, real, progress)
    seconds_real, start = time.perf_counter() - start, time.perf_counter()
    num_fake = num_images or real.num_images
    results = []
    for repeat in range(repeats):
        batches = _generate(model, real, num_fake, seed + repeat, batch_size, truncation)
        results.append(score_fakes(jobs, batches, Progress("generated images", num_fake, progress)))
    weights, images_seen = _describe_weights(model)
    protocol = {
        "num_fake": num_fake,
        "truncation": truncation,
        "weights": weights,
        "label_sampling": _label_sampling(model, real),
        "repeats": repeats,
    }
    run = {
        "model": type(model).__name__,
        "images_seen": images_seen,
        "seed": seed,
        "seconds_real": round(seconds_real, 3),
        "seconds_generated": round(time.perf_counter() - start, 3),
    }
    rows = []
    for job, values in zip(jobs, zip(*results, strict=True), strict=True):
        job_protocol = {**protocol, "num_real": real.num_images if job.metric.needs_real else 0}
        rows.append(_make_row(job, real, values, f"{job.name}_{_count_text(num_fake)}", job_protocol, run))
    return _deliver(rows, output_dir)


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
    jobs = _make_jobs(_make_extractors(extractor, data, split, progress), metrics, real.class_counts is not None)
    start = time.perf_counter()
    gather_real(jobs, real, progress, references_needed=True)
    run = {"model": None, "images_seen": None, "seed": 0, "seconds_real": round(time.perf_counter() - start, 3)}
    rows = []
    for job in jobs:
        num_fake = real.num_images // 2 if job.metric.needs_real else real.num_images
        protocol = {
            "num_fake": num_fake,
            "num_real": real.num_images - num_fake,
            "truncation": None,
            "weights": None,
            "label_sampling": "real images",
            "repeats": 1,
        }
        suffix = "real_halves" if job.metric.needs_real else "real"
        rows.append(
            _make_row(job, real, [job.reference], f"{job.name}_{_count_text(num_fake)}_{suffix}", protocol, run)
        )
    return _deliver(rows, output_dir)


# === What is to be computed ===


def _make_extractors(extractor: Extractors, data, split: str, progress: bool) -> list[FeatureExtractor]:
    requested = [extractor] if isinstance(extractor, str | FeatureExtractor) else list(extractor)
    return [_make_extractor(one, data, split, progress) if isinstance(one, str) else one for one in requested]


def _make_extractor(name: str, data, split: str, progress: bool) -> FeatureExtractor:
    if name == "efficientnet-lite0":
        return EfficientNetLite0()
    if name == "dataset-classifier":
        if isinstance(data, tf.data.Dataset):
            raise UserError(
                "The extractor 'dataset-classifier' learns from a prepared directory. Received: a tf.data.Dataset."
            )
        return DatasetClassifier(data, split, progress=progress)
    raise unknown_name("extractor", name, ["efficientnet-lite0", "dataset-classifier"])


def _make_jobs(extractors, metrics: Iterable[Metric] | None, labelled: bool) -> list[ScoringJob]:
    metrics = None if metrics is None else list(metrics)
    jobs = []
    for extractor in extractors:
        for metric in _default_metrics(extractor, labelled) if metrics is None else metrics:
            if metric.needs_logits and extractor.num_classes is None:
                raise UserError(f"{metric.name} needs a classifier. The extractor {extractor.name!r} has no logits.")
            if metric.needs_labels and not labelled:
                raise UserError(f"{metric.name} needs a class-conditional model and data with classes.")
            jobs.append(ScoringJob(extractor, metric.fresh()))
    names = [job.name for job in jobs]
    if not jobs or len(set(names)) < len(names):
        raise UserError(f"Expected scores, each of another name. Received: {names}. Evaluate those of one name apart.")
    return jobs


def _default_metrics(extractor: FeatureExtractor, labelled: bool) -> list[Metric]:
    if isinstance(extractor, DatasetClassifier):
        return [InceptionScore(), ConfidentShare(), *([ClassAgreement()] if labelled else [])]
    return [FrechetDistance(), KernelDistance(), *([InceptionScore()] if extractor.num_classes else [])]


# === The model ===


def _check_model(model, real: RealImages) -> None:
    if tuple(model.image_shape) != real.image_shape:
        raise UserError(f"The model makes images {tuple(model.image_shape)}; the real ones are {real.image_shape}.")
    if None not in (model.num_classes, real.class_counts) and len(real.class_counts) > model.num_classes:
        raise UserError(f"The model has {model.num_classes} classes; the data has {len(real.class_counts)}.")


def _generate(
    model, real: RealImages, count: int, seed: int, batch_size: int, truncation: float
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yields batches (uint8 images [batch, height, width, channels], int32 labels [batch] or `None`)."""
    labels = None
    if _label_sampling(model, real) == "as real":
        labels = _labels_like_real(real.class_counts, count, seed)
    for part, start in enumerate(range(0, count, _IMAGES_PER_SEED)):
        size = min(_IMAGES_PER_SEED, count - start)
        # 31 bits: every integer type that a model may keep its seed in can hold it.
        part_seed = seed if part == 0 else int(np.random.SeedSequence([seed, part]).generate_state(1)[0] >> 1)
        part_labels = None if labels is None else labels[start : start + size]
        images = model.generate(size, labels=part_labels, truncation=truncation, seed=part_seed, batch_size=batch_size)
        for first in range(0, size, batch_size):
            rows = slice(first, first + batch_size)
            yield images[rows], None if part_labels is None else part_labels[rows]


def _labels_like_real(class_counts: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    """Labels int32 [count] in the proportions of the real images (largest remainders), in random order."""
    quotas = np.array(class_counts) * (count / sum(class_counts))
    counts = np.floor(quotas).astype(int)
    counts[np.argsort(counts - quotas, kind="stable")[: count - counts.sum()]] += 1
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)


def _label_sampling(model, real: RealImages) -> str | None:
    if model.num_classes is None:
        return None
    return "as real" if real.class_counts is not None else "by the model"


def _describe_weights(model) -> tuple[str, int | None]:
    """Whether the images come from averaged weights, and how many images those were trained on."""
    card = getattr(model, "card", None)  # An exported model: what it was made of stands in its card.
    if card is not None:
        averaged, images_seen = "ema_generator" in card["model"]["parameters"], card["training"]["images_seen"]
    else:
        averaged, images_seen = getattr(model, "ema_generator", None) is not None, getattr(model, "images_seen", None)
    return "ema" if averaged else "raw", None if images_seen is None else int(keras.ops.convert_to_numpy(images_seen))


# === Rows ===


def _make_row(
    job: ScoringJob,
    real: RealImages,
    values: Sequence[tuple[float, float | None]],
    name: str,
    protocol: dict,
    run: dict,
) -> EvaluationRow:
    """`values` holds value and standard deviation of each repeat."""
    numbers = [value for value, _ in values]
    repeated = len(values) > 1
    std = float(np.std(numbers, ddof=1)) if repeated else values[0][1]
    return EvaluationRow(
        name=name,
        value=float(np.mean(numbers)),
        std=std,
        std_over="repeats" if repeated else job.metric.std_over,
        minimum=min(numbers) if repeated else None,
        direction=job.metric.direction,
        protocol={
            "metric": job.metric.name,
            "metric_settings": job.metric.settings,
            **job.extractor.provenance(),
            "dataset_fingerprint": real.fingerprint,
            "split": real.split,
            **protocol,
        },
        run={
            "dataset": real.name,
            **run,
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": library_versions(),
        },
    )


def _count_text(count: int) -> str:
    """5000 is `5k`, 1234 is `1234`."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def _deliver(rows: list[EvaluationRow], output_dir: str | os.PathLike | None) -> Evaluation:
    evaluation = Evaluation(rows)
    if output_dir is not None:
        evaluation.append_to(output_dir)
    return evaluation


def _check_arguments(num_images: int | None, batch_size: int, truncation: float, repeats: int) -> None:
    if num_images is not None and num_images < 2:
        raise UserError(f"Expected num_images >= 2. Received: {num_images}.")
    if batch_size < 1 or repeats < 1:
        raise UserError(f"Expected batch_size and repeats >= 1. Received: {batch_size} and {repeats}.")
    if not 0.0 <= truncation <= 1.0:
        raise UserError(f"Expected truncation in [0, 1]. Received: {truncation}.")
