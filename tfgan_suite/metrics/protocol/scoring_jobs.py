"""From what a caller asks for, names or objects, to the metrics and extractors that will score."""

from collections.abc import Iterable, Sequence

import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
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
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.scoring import ScoringJob

EXTRACTORS = ("efficientnet-lite0", "dataset-classifier", "stacked-digits")
Extractors = str | FeatureExtractor | Sequence[str | FeatureExtractor]


def make_extractors(requested: Extractors, data, split: str, progress: bool) -> list[FeatureExtractor]:
    """The extractors of names in `EXTRACTORS`; objects as they are.

    Args:
        requested: One name or extractor, or several.
        data: What will be scored against: the classifier of the data learns from it.
        split: Of the data.
        progress: Whether that learning shows progress.

    Raises:
        UserError: An unknown name, or data that cannot be learnt from.
    """
    requested = [requested] if isinstance(requested, str | FeatureExtractor) else list(requested)
    return [_make_extractor(one, data, split, progress) if isinstance(one, str) else one for one in requested]


def _make_extractor(name: str, data, split: str, progress: bool) -> FeatureExtractor:
    if name == "efficientnet-lite0":
        return EfficientNetLite0()
    if name == "stacked-digits":
        return StackedDigitsClassifier(progress=progress)
    if name == "dataset-classifier":
        if isinstance(data, tf.data.Dataset):
            raise UserError(
                "The extractor 'dataset-classifier' learns from a prepared directory. Received: a tf.data.Dataset."
            )
        return DatasetClassifier(data, split, progress=progress)
    if name.startswith("inception"):
        raise UserError(
            f"The extractor {name!r} needs a file with its weights, which no package carries. Expected an object: "
            "tfgan_suite.metrics.Inception2015(FILE); on the command line --extractor inception --extractor-weights FILE."
        )
    raise unknown_name("extractor", name, EXTRACTORS)


def make_jobs(
    extractors: Sequence[FeatureExtractor], metrics: Iterable[Metric] | None, labelled: bool
) -> list[ScoringJob]:
    """Every metric through every extractor; one that looks at images themselves only once.

    Args:
        extractors: As `make_extractors` returns them.
        metrics: Objects that have gathered nothing, or `None` for those that fit each extractor.
        labelled: Whether the images have classes.

    Raises:
        UserError: A metric asks for what there is not, or two scores would have one name.
    """
    metrics = None if metrics is None else list(metrics)
    jobs, pixels = [], Pixels()
    for extractor in extractors:
        for metric in _default_metrics(extractor, labelled) if metrics is None else metrics:
            if metric.needs_logits and extractor.num_classes is None:
                raise UserError(f"{metric.name} needs a classifier. The extractor {extractor.name!r} has no logits.")
            if metric.needs_labels and not labelled:
                raise UserError(f"{metric.name} needs a class-conditional model and data with classes.")
            if not metric.needs_images:
                jobs.append(ScoringJob(extractor, metric.fresh()))
            elif extractor is extractors[0]:
                jobs.append(ScoringJob(pixels, metric.fresh()))
    names = [name for job in jobs for name in job.names]
    if not jobs or len(set(names)) < len(names):
        raise UserError(f"Expected scores, each of another name. Received: {names}. Evaluate those of one name apart.")
    return jobs


def _default_metrics(extractor: FeatureExtractor, labelled: bool) -> list[Metric]:
    if isinstance(extractor, DatasetClassifier):
        return [InceptionScore(), ConfidentShare(), *([ClassAgreement()] if labelled else [])]
    if isinstance(extractor, StackedDigitsClassifier):
        return [ModeCoverage(), ConfidentShare()]
    return [FrechetDistance(), KernelDistance(), *([InceptionScore()] if extractor.num_classes else [])]


def check_class_counts(jobs: Sequence[ScoringJob], real: Sequence[int], fake: Sequence[int]) -> None:
    """Refuses classes that are too small for a metric, before anything is generated.

    Args:
        jobs: What is to be scored.
        real: Real images of each class. A class without any is none.
        fake: Images of each class that will be generated.

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
