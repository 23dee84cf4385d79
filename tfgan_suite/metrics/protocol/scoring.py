"""Metrics through extractors: one look at every image, whatever the number of metrics."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.pixels import Pixels
from tfgan_suite.metrics.protocol.cache import ArrayCache
from tfgan_suite.metrics.protocol.metric import Activations, Metric
from tfgan_suite.metrics.protocol.real_images import RealImages

# Written into the cache's keys: raise it with any change to what the kept statistics mean.
_STATISTICS_VERSION = 3


class Score(NamedTuple):
    """What a metric gives at the end.

    Args:
        value: The score.
        std: Its standard deviation, where its protocol has one.
        classes: See `Metric.classes`.
    """

    value: float
    std: float | None = None
    classes: dict[int, dict[str, float]] | None = None


@dataclasses.dataclass
class ScoringJob:
    """One metric through one extractor.

    Args:
        extractor: What it looks through; `Pixels` for one that looks at the images themselves.
        metric: An object that has gathered nothing yet.
        real_arrays: What the metric keeps of the real images, once `gather_real` has run.
        reference: Its scores on real images alone, likewise; `None` if half of them are too few of a class.
    """

    extractor: FeatureExtractor | Pixels
    metric: Metric
    real_arrays: dict[str, np.ndarray] | None = None
    reference: dict[str, Score] | None = None

    @property
    def names(self) -> list[str]:
        """Of the scores, without the count of images."""
        return [f"{self.extractor.name_prefix}{name}" for name in self.metric.directions]

    def for_fakes(self) -> "ScoringJob":
        """A copy that knows the real images and has seen no generated one."""
        metric = self.metric.fresh()
        if metric.needs_real:
            metric.set_real_arrays(self.real_arrays)
        return ScoringJob(self.extractor, metric)


def score_fakes(
    jobs: Sequence[ScoringJob], batches: Iterable[tuple[np.ndarray, np.ndarray | None]], progress: ProgressLine
) -> list[dict[str, Score]]:
    """The scores of every job by the metric's names for them, after `gather_real`, in one pass over generated images."""
    scored = [job.for_fakes() for job in jobs]
    for images, labels in batches:
        for job, activations in _look(scored, images, labels):
            job.metric.update_fake(activations)
        progress.advance(len(images))
    progress.close()
    return [_results(job.metric, progress.enabled) for job in scored]


def _results(metric: Metric, show_progress: bool) -> dict[str, Score]:
    metric.show_progress = show_progress
    return {
        name: Score(*numbers, metric.classes() if name == metric.name else None)
        for name, numbers in metric.results().items()
    }


def gather_real(
    jobs: Sequence[ScoringJob], real: RealImages, show_progress: bool, references_needed: bool = False
) -> None:
    """Fills in `real_arrays` and `reference` of the jobs, from the cache or by one pass over the real images.

    Without `references_needed`, no pass is made for the sake of references alone; when one is made anyway, they come
    with it.
    """
    cache = ArrayCache("real-statistics")
    missing = []
    for job in jobs:
        arrays = cache.read(_cache_key(job, real)) if real.cacheable else None
        if arrays is None:
            missing.append(job)
        else:
            job.reference = _scores_from_text(arrays.pop("reference").item())
            job.real_arrays = arrays
    if not missing or not (references_needed or any(job.metric.needs_real for job in missing)):
        return
    _read_real(missing, real, ProgressLine("real images", real.num_images, show_progress))
    for job in missing if real.cacheable else []:
        cache.write(_cache_key(job, real), {**job.real_arrays, "reference": np.array(json.dumps(job.reference))})


def _scores_from_text(text: str) -> dict[str, Score] | None:
    """The inverse of `json.dumps`, which makes lists of scores and text of the classes' numbers."""
    content = json.loads(text)
    if content is None:
        return None
    return {
        name: Score(value, std, None if classes is None else {int(label): part for label, part in classes.items()})
        for name, (value, std, classes) in content.items()
    }


def _read_real(jobs: Sequence[ScoringJob], real: RealImages, progress: ProgressLine) -> None:
    """Gathers the whole set, and the reference: two random halves against each other, or the set as if generated."""
    references = {id(job): job.metric.fresh() for job in jobs}
    counts_in_halves = np.zeros([2, len(real.class_counts or ())], int)
    in_second_half = np.zeros(real.num_images, bool)
    in_second_half[np.random.default_rng(0).permutation(real.num_images)[: real.num_images // 2]] = True
    for images, labels in real.batches():
        second = in_second_half[progress.count : progress.count + len(images)]
        if len(second) != len(images):
            raise UserError(f"The real images changed while they were read: more than {real.num_images} came.")
        if real.class_counts is not None:
            np.add.at(counts_in_halves, (second.astype(int), labels), 1)
        for job, activations in _look(jobs, images, labels):
            reference = references[id(job)]
            if not job.metric.needs_real:
                reference.update_fake(activations)
                continue
            job.metric.update_real(activations)
            for rows, update in ((~second, reference.update_real), (second, reference.update_fake)):
                if rows.any():
                    update(activations.rows(rows))
        progress.advance(len(images))
    progress.close()
    if progress.count != real.num_images:
        raise UserError(f"The real images changed while they were read: {progress.count} of {real.num_images} came.")
    for job in jobs:
        too_few = (counts_in_halves < job.metric.min_images_per_class) & np.array(real.class_counts or (), bool)
        job.reference = None if too_few.any() else _results(references[id(job)], progress.enabled)
        job.real_arrays = job.metric.real_arrays() if job.metric.needs_real else {}


def _look(
    jobs: Sequence[ScoringJob], images: np.ndarray, labels: np.ndarray | None
) -> Iterator[tuple[ScoringJob, Activations]]:
    """Each job with what its extractor made of the batch; every extractor looks once."""
    seen: dict[int, Activations] = {}
    for job in jobs:
        if id(job.extractor) not in seen:
            features, logits = job.extractor(images)
            logits = None if logits is None else logits.numpy()
            seen[id(job.extractor)] = Activations(np.asarray(features), logits, labels)
        yield job, seen[id(job.extractor)]


def _cache_key(job: ScoringJob, real: RealImages) -> dict:
    return {
        "version": _STATISTICS_VERSION,
        "data": real.fingerprint,
        "split": real.split,
        "count": real.num_images,
        "metric": job.metric.name,
        "settings": job.metric.settings,
        **job.extractor.provenance(),
    }
