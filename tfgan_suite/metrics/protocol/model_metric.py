"""ModelMetric: the base of scores that ask more of a model than examples."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.scoring import Score
from tfgan_suite.metrics.protocol.subject import Subject


class Measurement(NamedTuple):
    """One score of a `ModelMetric`.

    Args:
        name: String. The name of its row, with the count of examples.
        scores: Sequence of `Score`, one a seed.
        protocol: Mapping. What the value depends on, besides the data.
        run: Mapping. What else is known.
    """

    name: str
    scores: Sequence[Score]
    protocol: Mapping
    run: Mapping


class ModelMetric(Metric):
    """A score that is measured on the model itself, at its own pace.

    A subclass overrides `check` and `measure`.

    Attributes:
        default_repeats: Integer >= 1. How many times it is measured by default.
    """

    inputs = frozenset({"model"})
    needs_real = False
    default_repeats = 1

    def check(self, subject: Subject) -> None:
        """Raises a `UserError` if it cannot be measured on this model and these data. Called before anything is computed."""

    def measure(self, subject: Subject, seeds: Sequence[int], show_progress: bool) -> list[Measurement]:
        """Measures once for each seed.

        Args:
            subject: What is scored.
            seeds: Sequence of integers, one a repeat.
            show_progress: Boolean. Whether to show progress.
        """
        raise NotImplementedError
