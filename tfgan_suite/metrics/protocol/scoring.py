"""The three passes of `evaluate`: each one looks once at every example, whatever the number of metrics."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.pixels import Pixels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.cache import ArrayCache
from tfgan_suite.metrics.protocol.metric import FEATURE_INPUTS, Metric
from tfgan_suite.metrics.protocol.model_outputs import ModelOutputs
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.specs.example_spec import ExampleSpec

# Written into the cache's keys: raise it with any change to what the kept statistics mean.
_STATISTICS_VERSION = 4


class Score(NamedTuple):
    """What a metric gives at the end.

    Args:
        value: Float. The score.
        std: Float, its standard deviation, where its protocol has one, or `None`.
        classes: Dict, or `None`; see `Metric.classes`.
    """

    value: float
    std: float | None = None
    classes: dict[int, dict[str, float]] | None = None


@dataclasses.dataclass
class ScoringJob:
    """One metric through one extractor.

    Args:
        extractor: A `FeatureExtractor`; `Pixels` for a metric that looks at the examples themselves; `ModelOutputs` for one
            that looks at what the model makes of real ones.
        metric: A `Metric` that has gathered nothing yet.
        real_arrays: Dict. What the metric keeps of the real examples, once `gather_real` has run.
        reference: Dict. Its scores on real examples alone, likewise; `None` if half of them are too few of a class.
    """

    extractor: FeatureExtractor | Pixels | ModelOutputs
    metric: Metric
    real_arrays: dict[str, np.ndarray] | None = None
    reference: dict[str, Score] | None = None

    @property
    def names(self) -> list[str]:
        """The names of the scores, without the count of examples."""
        return [f"{self.extractor.name_prefix}{name}" for name in self.metric.directions]

    def for_fakes(self) -> "ScoringJob":
        """A copy that knows the real examples and has seen no generated one."""
        metric = self.metric.fresh()
        if metric.needs_real:
            metric.set_real_arrays(self.real_arrays)
        return ScoringJob(self.extractor, metric)


def score_fakes(
    jobs: Sequence[ScoringJob],
    spec: ExampleSpec,
    batches: Iterable[tuple[np.ndarray, np.ndarray | None]],
    progress: ProgressLine,
) -> list[dict[str, Score]]:
    """The scores of every job by the metric's names for them, after `gather_real`, in one pass over generated examples."""
    scored = [job.for_fakes() for job in jobs]
    for examples, labels in batches:
        for job, activations in _look(scored, spec.to_metrics(examples), labels):
            job.metric.update_fake(activations)
        progress.advance(len(examples))
    progress.close()
    return [_results(job.metric, progress.enabled) for job in scored]


def score_outputs(
    jobs: Sequence[ScoringJob], real: RealExamples, seed: int, progress: ProgressLine
) -> list[dict[str, Score]]:
    """The scores of jobs through one `ModelOutputs`, in one pass of the model over real examples."""
    metrics = [job.metric.fresh() for job in jobs]
    for gathered in jobs[0].extractor.batches(metrics, real, seed):
        for metric, activations in zip(metrics, gathered, strict=True):
            metric.update_real(activations)
        progress.advance(activations.num_examples)
    progress.close()
    return [_results(metric, progress.enabled) for metric in metrics]


def _results(metric: Metric, show_progress: bool) -> dict[str, Score]:
    metric.show_progress = show_progress
    return {
        name: Score(*numbers, metric.classes() if name == metric.name else None)
        for name, numbers in metric.results().items()
    }


def gather_real(
    jobs: Sequence[ScoringJob], real: RealExamples, show_progress: bool, references_needed: bool = False
) -> None:
    """Fills in `real_arrays` and `reference` of the jobs, from the cache or by one pass over the real examples.

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
    _read_real(missing, real, progress_of("real", real, show_progress))
    for job in missing if real.cacheable else []:
        cache.write(_cache_key(job, real), {**job.real_arrays, "reference": np.array(json.dumps(job.reference))})


def progress_of(which: str, real: RealExamples, enabled: bool, count: int | None = None) -> ProgressLine:
    """The line that says how many examples (`which`: `"real"` or `"generated"`) have been looked at."""
    units = real.spec.unit[1]
    return ProgressLine(f"{which} {units}", real.num_examples if count is None else count, enabled, unit=units)


def _scores_from_text(text: str) -> dict[str, Score] | None:
    """The inverse of `json.dumps`, which makes lists of scores and text of the classes' numbers."""
    content = json.loads(text)
    if content is None:
        return None
    return {
        name: Score(value, std, None if classes is None else {int(label): part for label, part in classes.items()})
        for name, (value, std, classes) in content.items()
    }


def _read_real(jobs: Sequence[ScoringJob], real: RealExamples, progress: ProgressLine) -> None:
    """Gathers the whole set, and the reference: two random halves against each other, or the set as if generated."""
    references = {id(job): job.metric.fresh() for job in jobs}
    counts_in_halves = np.zeros([2, len(real.class_counts or ())], int)
    in_second_half = np.zeros(real.num_examples, bool)
    in_second_half[np.random.default_rng(0).permutation(real.num_examples)[: real.num_examples // 2]] = True
    for examples, labels in real.batches():
        second = in_second_half[progress.count : progress.count + len(examples)]
        if len(second) != len(examples):
            raise UserError(
                f"The real {real.spec.unit[1]} changed while they were read: more than {real.num_examples} came."
            )
        if real.class_counts is not None:
            np.add.at(counts_in_halves, (second.astype(int), labels), 1)
        for job, activations in _look(jobs, real.spec.to_metrics(examples), labels):
            reference = references[id(job)]
            if not job.metric.needs_real:
                reference.update_fake(activations)
                continue
            job.metric.update_real(activations)
            for rows, update in ((~second, reference.update_real), (second, reference.update_fake)):
                if rows.any():
                    update(activations.rows(rows))
        progress.advance(len(examples))
    progress.close()
    if progress.count != real.num_examples:
        raise UserError(
            f"The real {real.spec.unit[1]} changed while they were read: {progress.count} of {real.num_examples} came."
        )
    for job in jobs:
        too_few = (counts_in_halves < job.metric.min_images_per_class) & np.array(real.class_counts or (), bool)
        job.reference = None if too_few.any() else _results(references[id(job)], progress.enabled)
        job.real_arrays = job.metric.real_arrays() if job.metric.needs_real else {}


def _look(
    jobs: Sequence[ScoringJob], examples: np.ndarray, labels: np.ndarray | None
) -> Iterator[tuple[ScoringJob, Activations]]:
    """Each job with what was gathered for it of the batch; every extractor looks once."""
    seen: dict[int, Activations] = {}
    for job in jobs:
        if id(job.extractor) not in seen:
            features = logits = None
            if job.metric.inputs & FEATURE_INPUTS:
                features, logits = job.extractor(examples)
                features, logits = np.asarray(features), None if logits is None else logits.numpy()
            seen[id(job.extractor)] = Activations(features, logits, labels, examples)
        yield job, seen[id(job.extractor)].only(job.metric.inputs)


def _cache_key(job: ScoringJob, real: RealExamples) -> dict:
    return {
        "version": _STATISTICS_VERSION,
        "data": real.fingerprint,
        "split": real.split,
        "count": real.num_examples,
        "metric": job.metric.name,
        "settings": job.metric.settings,
        **job.extractor.provenance(),
    }
