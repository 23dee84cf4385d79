"""Number of modes: how many of the known modes a generator covers, and how evenly."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.metrics.numerics.feature_checks import check_count, check_features, check_labels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric


def mode_coverage(labels: object, num_modes: int, real_labels: object = None) -> tuple[int, float]:
    """Modes that occur among generated images, and the divergence of their frequencies from the real ones.

    Args:
        labels: Integers `[rows]` from 0 to num_modes - 1. The mode of each generated image, as a classifier reads it. For stacked
            digits `100 * red + 10 * green + blue`, of 1,000 modes.
        num_modes: Integer >= 1. The number of modes.
        real_labels: Integers `[rows]`. The modes of real images; by default all modes count as equally frequent.

    Returns:
        The number of modes, and `KL(generated || real)` in nats, 0 for equal frequencies; infinite if a mode is generated
        that no real image has.

    Raises:
        UserError: Labels that are no integers, out of range, or none.

    Example:

    >>> mode_coverage([0, 0, 1, 1], num_modes=4)
    (2, 0.6931471805599453)

    Reference: Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.3.1; Che et al. 2017, "Mode
    Regularized Generative Adversarial Networks" (stacked digits).
    """
    check_count(num_modes, "num_modes", None)
    fake = np.bincount(check_labels(labels, "labels", num_modes), minlength=num_modes)
    if real_labels is None:
        return _coverage(fake, np.ones(num_modes))
    return _coverage(fake, np.bincount(check_labels(real_labels, "real_labels", num_modes), minlength=num_modes))


def _coverage(fake_counts: np.ndarray, real_counts: np.ndarray) -> tuple[int, float]:
    found = fake_counts > 0
    fake, real = fake_counts[found] / fake_counts.sum(), real_counts[found] / real_counts.sum()
    divergence = float((fake * np.log(fake / real)).sum()) if real.all() else float("inf")
    return int(found.sum()), divergence


class ModeCoverage(Metric):
    """`mode_coverage` for `evaluate`, of the classes that the extractor's classifier finds.

    Three scores: `modes`; `modes_kl`, from the frequencies that the same classifier finds among the real images, infinite
    if a mode is generated that none of them has; and `modes_kl_uniform`, from equal frequencies.

    Example:

    >>> metric = ModeCoverage()
    >>> features, logits = np.zeros([2, 1]), np.eye(2, dtype="float32")
    >>> metric.update_real(Activations(features, logits))
    >>> metric.update_fake(Activations(features, logits))
    >>> metric.results()
    {'modes': (2.0, None), 'modes_kl': (0.0, None), 'modes_kl_uniform': (0.0, None)}
    """

    name = "mode_coverage"
    directions = {"modes": "higher", "modes_kl": "lower", "modes_kl_uniform": "lower"}
    inputs = frozenset({"logits"})
    infinite_scores = frozenset({"modes_kl"})

    def __init__(self):
        self._real_counts = np.zeros(0, np.int64)
        self._fake_counts = np.zeros(0, np.int64)

    def update_real(self, activations: Activations) -> None:
        self._real_counts = _add_classes(self._real_counts, activations.logits)

    def update_fake(self, activations: Activations) -> None:
        self._fake_counts = _add_classes(self._fake_counts, activations.logits)

    def results(self) -> dict[str, tuple[float, None]]:
        modes, divergence = _coverage(self._fake_counts, self._real_counts)
        _, from_uniform = _coverage(self._fake_counts, np.ones(len(self._fake_counts)))
        return {"modes": (float(modes), None), "modes_kl": (divergence, None), "modes_kl_uniform": (from_uniform, None)}

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self._real_counts}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._real_counts = arrays["counts"]


def _add_classes(counts: np.ndarray, logits: np.ndarray) -> np.ndarray:
    logits = check_features(logits, "logits", minimum_rows=1)
    found = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    return found + (counts if len(counts) else 0)
