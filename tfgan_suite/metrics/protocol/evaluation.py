"""evaluate(model, data): examples in, rows of scores out, each with all that its value depends on.

What is scored is a model, or examples that are there already.

At most three passes are made, whatever the number of metrics and extractors: one over the real examples, whose statistics
are kept on disk; one that generates; one of the model over the real examples, for likelihoods, reconstructions and anomaly
scores. What a metric needs is said by `Metric.inputs`.
"""

import numbers
import os
import time
from collections.abc import Iterable, Sequence

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.metrics.protocol.generated_examples import GeneratedExamples, origin_of
from tfgan_suite.metrics.protocol.given_examples import GivenExamples
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.model_metric import ModelMetric
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.metrics.protocol.results import Comparison, Evaluation, EvaluationRow, compare
from tfgan_suite.metrics.protocol.score_rows import count_text, deliver, make_row
from tfgan_suite.metrics.protocol.scoring import (
    Score,
    ScoringJob,
    gather_real,
    progress_of,
    score_fakes,
    score_outputs,
)
from tfgan_suite.metrics.protocol.scoring_jobs import Extractors, check_class_counts, plan_scores, without_model
from tfgan_suite.metrics.protocol.subject import Subject, open_subject

__all__ = ["Comparison", "Evaluation", "EvaluationRow", "compare", "evaluate", "evaluate_real"]


def evaluate(
    model: object,
    data: object,
    metrics: Iterable[Metric] | None = None,
    *,
    extractor: Extractors = "efficientnet-lite0",
    split: str = "train",
    num_images: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    output_dir: str | os.PathLike | None = None,
    repeats: int | None = None,
    progress: bool = True,
    **sampling: float,
) -> Evaluation:
    """Scores a model, or examples that any tool has made, against real examples.

    Class-conditional models are asked for the classes in the proportions of the real examples; where those have no
    classes, the model draws its own. Examples that are given in the model's place get the scores that their model would
    get for them. Metrics that need the model itself are then left out, which the log says.

    Args:
        model: A `GenerativeModel`, or the path of a finished run, a `.keras` file or an exported model. Or examples: a
            folder of images, a `.zip` or `.npz` file, a prepared directory, a uint8 array `[count, height, width,
            channels]`, a pair of it and integer labels, or a finite `tf.data.Dataset` as in `data`. They must have the
            size of the real ones.
        data: A prepared directory, or a finite `tf.data.Dataset` of batches `(examples, labels)` or `examples`: for images
            `[batch, height, width, channels]`, float in [-1, 1] or uint8. Or images that were not prepared: a folder, a
            `.zip` or `.npz` file, a uint8 array, or a pair of it and labels. These are brought to the size of what is
            scored as `prepare_dataset` does by default.
        metrics: List of metrics such as `FrechetDistance()`. By default those that fit: distances and the Inception Score
            for an extractor of images, for the classifier of the data its Inception Score, share of confident samples and
            agreement; bits per dimension of a model that has a likelihood, and the error of one that reconstructs.
        extractor: `"efficientnet-lite0"`, `"dataset-classifier"`, a `FeatureExtractor`, or a list of these. It is loaded
            only if a metric looks at features or logits. Without `metrics`, the default stands for `"dataset-classifier"`
            where a prepared set holds sounds with classes.
        split: String. The split of a prepared directory.
        num_images: Integer >= 2. How many examples to generate; by default as many as there are real ones, or the
            metric's own number. All real examples, and all given ones, are always used.
        seed: Integer. The seed of generated examples; repeat k uses seed + k.
        batch_size: Integer >= 1. Examples looked at in one go, fewer where they are large. It changes no value beyond
            rounding.
        output_dir: String. A directory; rows are appended to its `metrics.json`.
        repeats: Integer >= 1. How many times to generate and score again; rows then hold mean, standard deviation and
            minimum. By default once, or the metric's own number.
        progress: Boolean. Whether to show counts, examples per second and time left on standard error.
        **sampling: The model's sampling options, such as `truncation` of most GANs.

    Returns:
        An `Evaluation`, the rows. Names end in the number of generated examples: `frechet_distance_5k`; those of what the
        model makes of real examples in the split and their number: `bits_per_dimension_test_1k`.

    Raises:
        UserError: Data, model, metrics and extractor do not fit together, or an argument is out of range.
        MissingExtraError: The default extractor's weights are not installed.

    Example:

    >>> evaluation = tg.evaluate(gan, "data/digits", [tg.metrics.FrechetDistance()], num_images=1000)
    >>> evaluation["frechet_distance_1k"].value
    >>> tg.evaluate("pictures", "photographs")  # Two folders.
    """
    check_counts(num_images, batch_size, repeats)
    output_dir = None if output_dir is None else local_path(output_dir)
    subject = open_subject(
        model,
        data,
        split,
        num_images=num_images,
        batch_size=batch_size,
        seed=seed,
        repeats=repeats,
        sampling=sampling,
    )
    model, real = subject.model, subject.real
    generated = subject.generated(real.num_examples)
    if subject.given is not None:
        metrics = without_model(metrics, f"{subject.given.run()['given']!r}")
    plan = plan_scores(
        model, real, metrics, extractor, data=data, labelled=generated.class_counts is not None, progress=progress
    )
    if generated.class_counts is not None:
        check_class_counts(plan.compared, real.class_counts, generated.class_counts)
    for metric in plan.measured:
        metric.check(subject)
    rows = []
    if plan.compared:
        rows += _compare_examples(plan.compared, real, generated, range(seed, seed + (repeats or 1)), progress)
    if plan.outputs:
        rows += _judge_outputs(plan.outputs, subject, range(seed, seed + (repeats or 1)), progress)
    for metric in plan.measured:
        rows += _measure(metric, subject, range(seed, seed + (repeats or metric.default_repeats)), progress)
    return deliver(rows, output_dir)


def _compare_examples(
    jobs: Sequence[ScoringJob],
    real: RealExamples,
    generated: GeneratedExamples | GivenExamples,
    seeds: range,
    progress: bool,
) -> list[EvaluationRow]:
    start = time.perf_counter()
    gather_real(jobs, real, progress)
    seconds_real, start = time.perf_counter() - start, time.perf_counter()
    repeated = [
        score_fakes(
            jobs, real.spec, generated.batches(seed), progress_of(generated.which, real, progress, generated.count)
        )
        for seed in seeds
    ]
    run = {
        **generated.run(),
        "seed": seeds[0],
        "seconds_real": round(seconds_real, 3),
        "seconds_generated": round(time.perf_counter() - start, 3),
    }
    rows = []
    for job, scores in zip(jobs, zip(*repeated, strict=True), strict=True):
        protocol = {**generated.protocol(), "num_real": real.num_examples if job.metric.needs_real else 0}
        rows += _make_rows(job, scores, real, count_text(generated.count), protocol, run)
    return rows


def _judge_outputs(jobs: Sequence[ScoringJob], subject: Subject, seeds: range, progress: bool) -> list[EvaluationRow]:
    real, start = subject.real, time.perf_counter()
    repeated = [score_outputs(jobs, real, seed, progress_of("real", real, progress)) for seed in seeds]
    run = {**origin_of(subject.model), "seed": seeds[0], "seconds_real": round(time.perf_counter() - start, 3)}
    suffix = "_".join([*([real.split] if real.split else []), count_text(real.num_examples)])
    rows = []
    for job, scores in zip(jobs, zip(*repeated, strict=True), strict=True):
        protocol = {
            "num_fake": 0,
            "weights": subject.model.weights_kind,
            "num_real": real.num_examples,
            **job.extractor.settings_of(job.metric),
        }
        rows += _make_rows(job, scores, real, suffix, protocol, run)
    return rows


def _measure(metric: ModelMetric, subject: Subject, seeds: range, progress: bool) -> list[EvaluationRow]:
    return [
        make_row(
            measurement.name,
            measurement.scores,
            subject.real,
            direction=metric.direction,
            std_over=metric.std_over,
            protocol={"metric": metric.name, **measurement.protocol},
            run={**measurement.run, "seed": seeds[0]},
        )
        for measurement in metric.measure(subject, seeds, progress)
    ]


def evaluate_real(
    data: object,
    metrics: Iterable[Metric] | None = None,
    *,
    extractor: Extractors = "efficientnet-lite0",
    split: str = "train",
    batch_size: int = 64,
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> Evaluation:
    """Scores the real examples themselves: what a perfect generator would get.

    Distances are between two random halves of the examples (drawn with a seed of 0). They are of half the count and, for
    the Frechet distance, biased upwards accordingly: a floor to read scores by, not a score to reach. Metrics that look
    at no real examples see the whole set. Names end in `_real_halves` and `_real`. After an `evaluate` with the same data,
    extractor and metrics, everything comes from the cache.

    Args:
        data: A prepared directory, a finite dataset or images, as in `evaluate`. Images must be of one size.
        metrics: List of metrics; by default those of `evaluate` that need no model.
        extractor: As in `evaluate`.
        split: String. The split of a prepared directory.
        batch_size: Integer >= 1. Examples in one pass through the extractor; it changes no value.
        output_dir: String. A directory; rows are appended to its `metrics.json`.
        progress: Boolean. Whether to show progress.

    Returns:
        An `Evaluation`, the rows.

    Raises:
        UserError: As in `evaluate`, or a metric needs a model.

    Example:

    >>> evaluate_real("data/digits", [tg.metrics.FrechetDistance()])["frechet_distance_2500_real_halves"].value
    """
    check_counts(None, batch_size, None)
    output_dir = None if output_dir is None else local_path(output_dir)
    real = RealExamples(data, split, batch_size)
    labelled = real.class_counts is not None
    jobs = plan_scores(None, real, metrics, extractor, data=data, labelled=labelled, progress=progress).compared
    start = time.perf_counter()
    gather_real(jobs, real, progress, references_needed=True)
    run = {"model": None, "images_seen": None, "seed": 0, "seconds_real": round(time.perf_counter() - start, 3)}
    rows = []
    for job in jobs:
        if job.reference is None:
            raise UserError(
                f"{job.metric.name} needs at least {job.metric.min_images_per_class} {real.spec.unit[1]} of each class in "
                "either half. Use more data, or other metrics."
            )
        num_fake = real.num_examples // 2 if job.metric.needs_real else real.num_examples
        protocol = {
            "num_fake": num_fake,
            "num_real": real.num_examples - num_fake,
            "truncation": None,
            "weights": None,
            "label_sampling": "real images",
        }
        suffix = f"{count_text(num_fake)}_{'real_halves' if job.metric.needs_real else 'real'}"
        rows += _make_rows(job, [job.reference], real, suffix, protocol, run)
    return deliver(rows, output_dir)


def _make_rows(
    job: ScoringJob, repeated: Sequence[dict[str, Score]], real: RealExamples, suffix: str, protocol: dict, run: dict
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
            is_finite=key not in job.metric.infinite_scores,
        )
        for name, (key, direction) in zip(job.names, job.metric.directions.items())
    ]


def check_counts(num_images: int | None, batch_size: int, repeats: int | None) -> None:
    """Refuses counts of `evaluate` that are no integers, or out of range.

    Raises:
        UserError: There is one.
    """
    for name, value, minimum in (("num_images", num_images, 2), ("batch_size", batch_size, 1), ("repeats", repeats, 1)):
        if value is None and name != "batch_size":
            continue
        if not isinstance(value, numbers.Integral) or isinstance(value, bool):
            raise UserError(f"`{name}` must be an integer >= {minimum}. Received: {name}={value!r}")
        if value < minimum:
            raise UserError(f"`{name}` must be >= {minimum}. Received: {name}={value}")
