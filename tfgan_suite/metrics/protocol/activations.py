"""Activations: what `evaluate` gathered of one batch of examples."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Activations:
    """What `evaluate` gathered of one batch of examples. A metric gets what it names in `Metric.inputs`; all else is `None`.

    Args:
        features: float32 `[batch, dimensions]`. What an extractor sees in the examples.
        logits: float32 `[batch, classes of the extractor]`.
        labels: int32 `[batch]`. The classes that the examples belong to, or were made for.
        examples: NumPy array `[batch, *spec.shape]` of the spec's `edge_dtype`: for images uint8.
        likelihoods: float64 `[batch]`. The natural logarithm of the probability of each example, or a lower bound of it.
        reconstructions: NumPy array `[batch, *spec.shape]` of the spec's `edge_dtype`.
        anomaly_scores: float32 `[batch]`. Higher is less normal.

    Example:

    >>> activations = Activations(features=np.zeros([3, 8], "float32"), labels=np.array([0, 1, 1]))
    >>> activations.rows(activations.labels == 1).features.shape
    (2, 8)
    """

    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    examples: np.ndarray | None = None
    likelihoods: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    anomaly_scores: np.ndarray | None = None

    @property
    def num_examples(self) -> int:
        """Integer. The examples of the batch."""
        return len(next(iter(self._parts().values())))

    def rows(self, which: np.ndarray) -> "Activations":
        """The rows that `which` (booleans or integers) picks."""
        return Activations(**{name: part[which] for name, part in self._parts().items()})

    def only(self, inputs: frozenset[str]) -> "Activations":
        """What is named in `inputs`, and nothing else."""
        return Activations(**{name: part for name, part in self._parts().items() if name in inputs})

    def _parts(self) -> dict[str, np.ndarray]:
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: part for name, part in parts.items() if part is not None}
