"""Inception Score: how sure a classifier is of each image, and how evenly its answers spread."""

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_features
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def inception_score(logits: object, splits: int = 10) -> tuple[float, float]:
    """`exp(mean KL(p(y|x) || p(y)))` in `splits` consecutive parts of the rows.

    It is comparable with published values only if the logits are those of the Inception network of 2015. With another
    classifier it lies between 1 and that classifier's number of classes, and says so in the row's provenance.

    Args:
        logits: Float array or tensor `[rows, classes]`, before softmax.
        splits: Integer >= 1. Number of parts; the rows should be in random order.

    Returns:
        Mean, and population standard deviation over the parts.

    Raises:
        UserError: NaN, infinity, integers, or fewer rows than parts.

    Example:

    >>> mean, std = inception_score(np.eye(4).repeat(10, axis=0) * 100.0, splits=1)
    >>> round(mean, 6)
    4.0

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section 4.
    """
    logits = check_features(logits, "logits", minimum_rows=1)
    check_count(splits, "splits of the rows", len(logits))
    log_probabilities = log_softmax(logits)
    scores = []
    for index in range(splits):
        part = log_probabilities[index * len(logits) // splits : (index + 1) * len(logits) // splits]
        marginal = np.exp(part).mean(axis=0)
        # A class whose probability has underflowed to 0 in every row adds nothing.
        log_marginal = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        scores.append(np.exp((np.exp(part) * (part - log_marginal)).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits [rows, classes], safe for large values."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


class InceptionScore(Metric):
    """`inception_score` for `evaluate`, of whatever classifier the extractor has.

    Args:
        splits: Integer >= 1. As in `inception_score`; with fewer images there are as many parts as images.

    Example:

    >>> metric = InceptionScore(splits=1)
    >>> logits = np.eye(4, dtype="float32") * 100.0
    >>> metric.update_fake(Activations(features=logits, logits=logits))
    >>> round(metric.result()[0], 6)
    4.0
    """

    name = "inception_score"
    direction = "higher"
    needs_real = False
    inputs = frozenset({"logits"})
    std_over = "splits"

    def __init__(self, splits: int = 10):
        self.splits = splits
        self._logits: list[np.ndarray] = []

    @property
    def settings(self) -> dict[str, int]:
        return {"splits": self.splits}

    def update_fake(self, activations: Activations) -> None:
        self._logits.append(activations.logits)

    def result(self) -> tuple[float, float]:
        logits = np.concatenate(self._logits)
        return inception_score(logits, min(self.splits, len(logits)))
