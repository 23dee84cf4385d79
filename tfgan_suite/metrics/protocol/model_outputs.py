"""What a model makes of real examples: likelihoods, reconstructions and anomaly scores."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import HasLikelihood, Reconstructs, ScoresAnomalies, require
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.real_examples import RealExamples

_ABILITIES = {"likelihoods": HasLikelihood, "reconstructions": Reconstructs, "anomaly_scores": ScoresAnomalies}
# The model sees this many examples at a time, each time with a seed of its own, whatever the batch size: what it draws on
# the way (a bound's samples) may depend on an example's place in its batch.
_EXAMPLES_PER_SEED = 64


class ModelOutputs:
    """Stands where a `FeatureExtractor` stands, for metrics of what the model itself makes of real examples.

    Args:
        model: A `GenerativeModel`.
    """

    name = "model"
    name_prefix = ""
    num_classes = None
    kinds = None

    def __init__(self, model: GenerativeModel):
        self._model = model
        self._functions = {}

    def check(self, metric: Metric, real: RealExamples) -> None:
        """Raises a `UserError` unless the model has the abilities that a metric asks for.

        Args:
            metric: A `Metric`.
            real: A `RealExamples`. What the model is to see.
        """
        for name, ability in _ABILITIES.items():
            if name in metric.inputs:
                require(self._model, ability, metric.name)
        if not self._model.spec.matches(real.spec):
            described, units = (spec.describe() for spec in (self._model.spec, real.spec)), real.spec.unit[1]
            raise UserError("The model is one of {2}: {0}. The data holds {2}: {1}.".format(*described, units))
        if self._model.num_classes is not None and real.class_counts is None:
            raise UserError(
                f"{metric.name} of a class-conditional model needs data with classes. Received: data without."
            )

    def settings_of(self, metric: Metric) -> dict:
        """What the value of a metric depends on, besides its own settings: whether likelihoods are exact or bounds."""
        return {"likelihood": self._model.likelihood} if "likelihoods" in metric.inputs else {}

    def batches(self, metrics: Iterable[Metric], real: RealExamples, seed: int) -> Iterator[list[Activations]]:
        """Goes once over the real examples, and yields for each batch what was gathered for each of the metrics."""
        metrics = list(metrics)
        for number, (examples, labels) in enumerate(rebatched(real.batches(), _EXAMPLES_PER_SEED)):
            # 31 bits: every integer type that a model may keep its seed in can hold it.
            batch_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)
            gathered = {}
            for metric in metrics:
                for name in metric.inputs & _ABILITIES.keys():
                    key = name, metric.likelihood_samples if name == "likelihoods" else None
                    if key not in gathered:
                        gathered[key] = self._ask(*key, examples, labels, batch_seed)
            activations = []
            for metric in metrics:
                parts = {name: part for (name, samples), part in gathered.items() if samples is None}
                parts["likelihoods"] = gathered.get(("likelihoods", metric.likelihood_samples))
                shown = self._model.spec.to_metrics(examples)
                activations.append(Activations(examples=shown, labels=labels, **parts).only(metric.inputs))
            yield activations

    def _ask(self, name: str, samples: int | None, examples: np.ndarray, labels, seed: int) -> np.ndarray:
        if (name, samples) not in self._functions:
            self._functions[name, samples] = self._compile(name, samples)
        model_labels = None if self._model.num_classes is None else tf.constant(labels, tf.int32)
        values = self._functions[name, samples](
            tf.constant(examples), model_labels, tf.constant(seed, tf.int32)
        ).numpy()
        expected = examples.shape if name == "reconstructions" else (len(examples),)
        if values.shape != expected or values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(
                f"{type(self._model).__name__} must give finite {name.replace('_', ' ')} of shape {expected} for "
                f"{len(examples)} {self._model.spec.unit[1]}. Received: shape {values.shape}, or NaN or infinity"
            )
        return self._model.spec.to_metrics(values) if name == "reconstructions" else values

    def _compile(self, name: str, samples: int | None):
        model, spec = self._model, self._model.spec

        def ask(examples, labels, seed):
            values = spec.to_model(examples)
            if name == "likelihoods":
                return tf.cast(model.log_prob(values, labels, samples=samples, seed=seed), tf.float64)
            if name == "reconstructions":
                return spec.to_edge(model.reconstruct(values, labels, seed=seed))
            return tf.cast(model.anomaly_score(values), tf.float32)

        return tf.function(ask, autograph=False, reduce_retracing=True)

    def provenance(self) -> dict:
        """As an extractor's: there is no other network than the model's own."""
        return {
            "extractor": self.name,
            "extractor_weights_sha256": None,
            "extractor_input_size": None,
            "extractor_resize": None,
        }

    def origin(self) -> dict:
        """As an extractor's: nothing came from a file."""
        return {}


def rebatched(batches: Iterable, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The same examples and labels in batches of `size`; the last one may be smaller.

    Example:

    >>> [len(examples) for examples, _ in rebatched([(np.zeros([3, 2]), None), (np.ones([2, 2]), None)], 4)]
    [4, 1]
    """
    held, held_labels = None, None
    for examples, labels in batches:
        held = examples if held is None else np.concatenate([held, examples])
        held_labels = labels if held_labels is None else np.concatenate([held_labels, labels])
        while len(held) >= size:
            yield held[:size], None if held_labels is None else held_labels[:size]
            held, held_labels = held[size:], None if held_labels is None else held_labels[size:]
    if held is not None and len(held):
        yield held, held_labels
