"""From what a caller asks for, names or objects, to the metrics and extractors that will score."""

import dataclasses
import logging
import os
from collections.abc import Iterable, Sequence

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.generative.abilities import HasLikelihood, Reconstructs, WritesText
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics.bits_per_byte import BitsPerByte
from tfgan_suite.metrics.bits_per_dimension import BitsPerDimension
from tfgan_suite.metrics.classifier_scores import ClassAgreement, ConfidentShare
from tfgan_suite.metrics.features.dataset_classifier import DatasetClassifier
from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.pixels import Pixels
from tfgan_suite.metrics.features.stacked_digits_classifier import StackedDigitsClassifier
from tfgan_suite.metrics.frechet_distance import FrechetDistance
from tfgan_suite.metrics.inception_score import InceptionScore
from tfgan_suite.metrics.kernel_distance import KernelDistance
from tfgan_suite.metrics.mode_coverage import ModeCoverage
from tfgan_suite.metrics.protocol.metric import FEATURE_INPUTS, MODEL_OUTPUTS, Metric
from tfgan_suite.metrics.protocol.model_metric import ModelMetric
from tfgan_suite.metrics.protocol.model_outputs import ModelOutputs
from tfgan_suite.metrics.protocol.real_examples import RealExamples, is_prepared
from tfgan_suite.metrics.protocol.scoring import ScoringJob
from tfgan_suite.metrics.reconstruction_error import ReconstructionError

_LOGGER = logging.getLogger(__name__)
_EXTRACTOR_CLASSES = {
    "efficientnet-lite0": EfficientNetLite0,
    "dataset-classifier": DatasetClassifier,
    "stacked-digits": StackedDigitsClassifier,
}
EXTRACTORS = tuple(_EXTRACTOR_CLASSES)
Extractors = str | FeatureExtractor | Sequence[str | FeatureExtractor]
_DEFAULT_EXTRACTOR = "efficientnet-lite0"
# Metrics that fit a model which has an ability.
_MODEL_METRICS = {BitsPerDimension: HasLikelihood, ReconstructionError: Reconstructs}


def make_extractors(requested: Extractors, data, split: str, progress: bool) -> list[FeatureExtractor]:
    """The extractors of names in `EXTRACTORS`; objects as they are.

    Args:
        requested: One name or extractor, or a list of several.
        data: What will be scored against: the classifier of the data learns from it.
        split: String. The split of the data.
        progress: Boolean. Whether that learning shows progress.

    Returns:
        A list of extractors.

    Raises:
        UserError: An unknown name, or data that cannot be learned from.
    """
    return [_make_extractor(one, data, split, progress) if isinstance(one, str) else one for one in _as_list(requested)]


def _as_list(requested: Extractors) -> list[str | FeatureExtractor]:
    return list(requested) if isinstance(requested, list | tuple) else [requested]


def _make_extractor(name: str, data, split: str, progress: bool) -> FeatureExtractor:
    _extractor_class(name)
    if name == "efficientnet-lite0":
        return EfficientNetLite0()
    if name == "stacked-digits":
        return StackedDigitsClassifier(progress=progress)
    if not is_prepared(data):
        received = str(data) if isinstance(data, str | os.PathLike) else type(data).__name__
        raise UserError(
            f"The extractor 'dataset-classifier' learns from a prepared directory. Received: data={received!r}"
        )
    return DatasetClassifier(data, split, progress=progress)


def _extractor_class(name: str) -> type[FeatureExtractor]:
    if isinstance(name, str) and name.startswith("inception"):
        raise UserError(
            f"The extractor {name!r} needs a file with its weights, which no package carries. Expected an object: "
            "tfgan_suite.metrics.Inception2015(FILE); on the command line --extractor inception --extractor-weights FILE."
        )
    if name not in EXTRACTORS:
        raise unknown_name("extractor", name, EXTRACTORS)
    return _EXTRACTOR_CLASSES[name]


@dataclasses.dataclass(frozen=True)
class ScoringPlan:
    """What `evaluate` has to do, by the pass that gathers it.

    Args:
        compared: List of `ScoringJob`. Metrics that look at real and generated examples.
        outputs: List of `ScoringJob`. Metrics of what the model makes of real examples.
        measured: List of `ModelMetric`. Metrics that look at the model itself.
    """

    compared: list[ScoringJob]
    outputs: list[ScoringJob]
    measured: list[ModelMetric]


def plan_scores(
    model: GenerativeModel | None,
    real: RealExamples,
    metrics: Iterable[Metric] | None,
    extractor: Extractors,
    *,
    data,
    labelled: bool,
    progress: bool,
) -> ScoringPlan:
    """Sorts out which metric is gathered in which pass, and makes the extractors if one of them needs any.

    Every metric of features goes through every extractor; all others are computed once.

    Args:
        model: A `GenerativeModel`, or `None` where the real examples are scored themselves.
        real: A `RealExamples`.
        metrics: Metrics that have gathered nothing, one of them, or `None` for those that fit the model and the extractor.
        extractor: As in `make_extractors`.
        data: As in `make_extractors`.
        labelled: Boolean. Whether real and generated examples have classes.
        progress: As in `make_extractors`.

    Returns:
        A `ScoringPlan`.

    Raises:
        UserError: A metric asks for what there is not, or two scores would have one name.
    """
    outputs = None if model is None else ModelOutputs(model)
    metrics = None if metrics is None else _list_of_metrics(metrics)
    fitting = [] if model is None else _default_model_metrics(model, data)
    kind = real.spec.kind
    if metrics is None:
        requested = [one for one in _as_list(_default_for(extractor, kind, real, data)) if kind in _kinds(one)]
        extractors = make_extractors(requested, data, real.split, progress)
        plan = ScoringPlan(
            [
                ScoringJob(one, metric)
                for one in extractors
                for metric in _default_metrics(type(one), bool(one.num_classes), labelled, kind)
            ],
            [ScoringJob(outputs, metric) for metric in fitting if not isinstance(metric, ModelMetric)],
            [metric for metric in fitting if isinstance(metric, ModelMetric)],
        )  # fmt: skip
        if not (plan.compared or plan.outputs or plan.measured):
            raise UserError(
                f"`metrics` must be given: none is computed by default for {real.spec.unit[1]} without a model that has a "
                f"likelihood or reconstructions. Received: metrics=None, extractor={extractor!r}"
            )
    else:
        for metric in metrics:
            _check_metric(metric, model, real, extractor, labelled, outputs, [one.name for one in fitting])
        needed = needs_extractor(metrics, kind)
        extractors = make_extractors(extractor, data, real.split, progress) if needed else []
        pixels = Pixels()
        plan = ScoringPlan([], [], [metric for metric in metrics if "model" in metric.inputs])
        for number, one in enumerate(extractors or [None]):
            for metric in metrics:
                if metric.inputs & FEATURE_INPUTS:
                    if "logits" in metric.inputs and one.num_classes is None:
                        raise UserError(f"{metric.name} needs a classifier. The extractor {one.name!r} has no logits.")
                    plan.compared.append(ScoringJob(one, metric.fresh()))
                elif number == 0 and metric.inputs & MODEL_OUTPUTS:
                    plan.outputs.append(ScoringJob(outputs, metric.fresh()))
                elif number == 0 and "model" not in metric.inputs:
                    plan.compared.append(ScoringJob(pixels, metric.fresh()))
    names = [name for job in plan.compared + plan.outputs for name in job.names]
    names += [metric.name for metric in plan.measured]
    if not names or len(set(names)) < len(names):
        raise UserError(
            f"`metrics` must give scores, each of another name. Received: {names}. Evaluate those of one name apart."
        )
    return plan


def without_model(metrics: Iterable[Metric] | None, examples: str) -> list[Metric] | None:
    """Leaves out the metrics that need a model, by `Metric.inputs`, and says so in the log.

    Args:
        metrics: As in `plan_scores`.
        examples: String. What is scored without a model.

    Raises:
        UserError: All of them do, or one is no metric.
    """
    if metrics is None:
        return None
    metrics = _list_of_metrics(metrics)
    left_out = [metric for metric in metrics if metric.inputs & (MODEL_OUTPUTS | {"model"})]
    names = ", ".join(metric.name for metric in left_out)
    if left_out and len(left_out) == len(metrics):
        raise UserError(f"`metrics` must not all need a model, for {examples} has none. Received: {names}")
    if left_out:
        _LOGGER.warning("Left out, for lack of a model: %s. %s is scored by its examples alone.", names, examples)
    return [metric for metric in metrics if metric not in left_out]


def _list_of_metrics(metrics: Iterable[Metric] | Metric) -> list[Metric]:
    metrics = [metrics] if isinstance(metrics, Metric | str | type) else list(metrics)
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise UserError(
                "`metrics` must be objects of classes in `tfgan_suite.metrics`, such as [metrics.FrechetDistance()]. Received: "
                f"{metric!r}"
            )
    return metrics


def needs_extractor(metrics: Iterable[Metric] | None, kind: str) -> bool:
    """Whether metrics look at features or logits, so that an extractor must be loaded.

    Args:
        metrics: List of `Metric`, or `None` for those that fit.
        kind: String. The kind of the examples.
    """
    if metrics is None:
        return kind in FeatureExtractor.kinds
    return any(metric.inputs & FEATURE_INPUTS for metric in metrics)


def _default_for(extractor: Extractors, kind: str, real: RealExamples, data) -> Extractors:
    """In the place of the default, a network of photographs, the classifier of the data for sounds that have classes."""
    learns = kind == "log_mel" and real.class_counts is not None and is_prepared(data)
    return "dataset-classifier" if extractor == _DEFAULT_EXTRACTOR and learns else extractor


def _kinds(extractor: str | FeatureExtractor) -> tuple[str, ...]:
    return FeatureExtractor.kinds if isinstance(extractor, str) else extractor.kinds


def _check_metric(
    metric: Metric,
    model: GenerativeModel | None,
    real: RealExamples,
    extractor: Extractors,
    labelled: bool,
    outputs: ModelOutputs | None,
    fitting: Sequence[str],
) -> None:
    """Refuses a metric that cannot be computed, before any network is loaded."""
    kind, units = real.spec.kind, real.spec.unit[1]
    if model is None and metric.inputs & (MODEL_OUTPUTS | {"model"}):
        raise UserError(f"{metric.name} needs a model, and real {units} are scored without one. Leave it out.")
    advice = f"metrics that fit the model: {', '.join(fitting)}" if fitting else "a metric of your own"
    if metric.kinds is not None and kind not in metric.kinds:
        raise UserError(
            f"{metric.name} is computed on examples of the kind {' or '.join(metric.kinds)}. Received: {units}. Use {advice}."
        )
    refusing = [one for one in _as_list(extractor) if kind not in _kinds(one)]
    if metric.inputs & FEATURE_INPUTS and refusing:
        name = refusing[0] if isinstance(refusing[0], str) else refusing[0].name
        raise UserError(
            f"{metric.name} looks at features, and the extractor {name!r} takes examples of the kind "
            f"{' or '.join(_kinds(refusing[0]))}. Received: {units}. Use an extractor whose `kinds` name {kind!r}, or {advice}."
        )
    if metric.inputs & MODEL_OUTPUTS:
        outputs.check(metric, real)
        if "labels" in metric.inputs and real.class_counts is None:
            raise UserError(f"{metric.name} needs data with classes.")
    elif "labels" in metric.inputs and not labelled:
        raise UserError(
            f"{metric.name} needs a class-conditional model, or examples with the data's classes, and data with classes."
        )


def _default_metrics(
    extractor_class: type[FeatureExtractor], classifies: bool, labelled: bool, kind: str = "image"
) -> list[Metric]:
    if issubclass(extractor_class, DatasetClassifier):
        # Of sound there is no other network whose features could be compared.
        distances = [FrechetDistance()] if kind == "log_mel" else []
        return [*distances, InceptionScore(), ConfidentShare(), *([ClassAgreement()] if labelled else [])]
    if issubclass(extractor_class, StackedDigitsClassifier):
        return [ModeCoverage(), ConfidentShare()]
    return [FrechetDistance(), KernelDistance(), *([InceptionScore()] if classifies else [])]


def _default_model_metrics(model: GenerativeModel, data) -> list[Metric]:
    if model.can(WritesText) and model.num_classes is None and is_prepared(data):
        return [BitsPerByte()]  # Windows by themselves would begin without context.
    return [metric() for metric, ability in _MODEL_METRICS.items() if model.can(ability)]


def default_score_names(
    extractor: str | Sequence[str], model_class: type[GenerativeModel], labelled: bool, kind: str = "image"
) -> tuple[list[str], list[str]]:
    """The scores that `evaluate` computes if no metrics are given, before there is a model or an extractor.

    Args:
        extractor: String or list of strings out of `EXTRACTORS`.
        model_class: A subclass of `GenerativeModel`.
        labelled: Boolean. Whether real and generated examples have classes.
        kind: String. The kind of the examples.

    Returns:
        Two lists of names without the count of examples: scores of generated images, and scores of what the model makes of
        real examples.

    Raises:
        UserError: An unknown extractor.

    Example:

    >>> default_score_names("efficientnet-lite0", DCGAN, labelled=True)
    (['frechet_distance', 'kernel_distance', 'inception_score'], [])
    """
    if kind == "text" and issubclass(model_class, WritesText) and not labelled:
        return [], [BitsPerByte.name]
    compared = [
        f"{extractor_class.name_prefix}{name}"
        for extractor_class in map(_extractor_class, _as_list(extractor))
        for metric in _default_metrics(extractor_class, True, labelled)  # All that have a name classify.
        for name in metric.directions
    ]
    outputs = [metric.name for metric, ability in _MODEL_METRICS.items() if issubclass(model_class, ability)]
    return compared, outputs


def check_class_counts(jobs: Sequence[ScoringJob], real: Sequence[int], fake: Sequence[int]) -> None:
    """Refuses classes that are too small for a metric, before anything is generated.

    Args:
        jobs: Sequence of `ScoringJob`. What is to be scored.
        real: Sequence of integers, the real images of each class. A class without any is none.
        fake: Sequence of integers, the images of each class that will be generated.

    Raises:
        UserError: A class has fewer images than a metric needs.
    """
    for job in jobs:
        needed = job.metric.min_images_per_class
        for name, counts in (("real", real), ("generated", fake)):
            small = [label for label, count in enumerate(real) if count and counts[label] < needed]
            if small:
                raise UserError(
                    f"{job.metric.name} needs at least {needed} images of each class. Of the {name} ones there are fewer "
                    f"in {len(small)} of {len(real)} classes, such as {counts[small[0]]} in class {small[0]}. Expected "
                    "more images, or data without these classes."
                )
