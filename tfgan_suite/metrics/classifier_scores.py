"""Scores by a classifier of the data's own classes: confidence, and agreement with the class that was asked for."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.inception_score import log_softmax
from tfgan_suite.metrics.numerics.feature_checks import check_features, check_labels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def confident_share(logits: object, threshold: float = 0.95) -> float:
    """Share of rows whose most probable class has more than `threshold` of the probability.

    Args:
        logits: Float array `[rows, classes]`, before softmax.
        threshold: Float in (0, 1).

    Raises:
        UserError: NaN, infinity, integers, no rows, or a threshold out of range.

    Example:

    >>> confident_share(np.array([[9.0, 0.0], [1.0, 1.0]]))
    0.5
    """
    if not 0.0 < threshold < 1.0:
        raise UserError(f"`threshold` must be in (0, 1). Received: threshold={threshold}")
    log_probabilities = log_softmax(check_features(logits, "logits", minimum_rows=1))
    return float((log_probabilities.max(axis=1) > np.log(threshold)).mean())


def class_agreement(logits: object, labels: object) -> float:
    """Share of rows whose most probable class is the one that was asked for.

    Args:
        logits: Float array `[rows, classes]`, before softmax.
        labels: Integers `[rows]`, from 0 to classes - 1.

    Raises:
        UserError: NaN, infinity, integers as logits, no rows, or labels that do not fit.

    Example:

    >>> class_agreement(np.array([[9.0, 0.0], [1.0, 2.0]]), [0, 0])
    0.5
    """
    logits = check_features(logits, "logits", minimum_rows=1)
    labels = check_labels(labels, "labels", logits.shape[1], rows=len(logits))
    return float((logits.argmax(axis=1) == labels).mean())


class ConfidentShare(Metric):
    """`confident_share` for `evaluate`: the higher, the more samples look like one of the classes.

    Args:
        threshold: Float in (0, 1). As in `confident_share`.

    Example:

    >>> metric = ConfidentShare()
    >>> metric.update_fake(Activations(np.zeros([1, 2]), logits=np.array([[9.0, 0.0]])))
    >>> metric.result()
    (1.0, None)
    """

    name = "confident_share"
    direction = "higher"
    needs_real = False
    inputs = frozenset({"logits"})

    def __init__(self, threshold: float = 0.95):
        self.threshold = threshold
        self._logits: list[np.ndarray] = []

    @property
    def settings(self) -> dict[str, float]:
        return {"threshold": self.threshold}

    def update_fake(self, activations: Activations) -> None:
        self._logits.append(activations.logits)

    def result(self) -> tuple[float, None]:
        return confident_share(np.concatenate(self._logits), self.threshold), None


class ClassAgreement(Metric):
    """`class_agreement` for `evaluate`: for class-conditional models and an extractor that knows the data's classes.

    Example:

    >>> metric = ClassAgreement()
    >>> metric.update_fake(Activations(np.zeros([1, 2]), logits=np.array([[9.0, 0.0]]), labels=np.array([0])))
    >>> metric.result()
    (1.0, None)
    """

    name = "class_agreement"
    direction = "higher"
    needs_real = False
    inputs = frozenset({"logits", "labels"})

    def __init__(self):
        self._logits: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def update_fake(self, activations: Activations) -> None:
        self._logits.append(activations.logits)
        self._labels.append(activations.labels)

    def result(self) -> tuple[float, None]:
        return class_agreement(np.concatenate(self._logits), np.concatenate(self._labels)), None
