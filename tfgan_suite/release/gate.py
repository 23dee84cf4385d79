"""Whether a model may be pushed: better than thresholds, and than the last one that was."""

import dataclasses
import math

from tfgan_suite.metrics.protocol.results import compare


@dataclasses.dataclass(frozen=True)
class Blessing:
    """A decision and its grounds.

    Attributes:
        blessed: Whether the model may be pushed.
        reasons: Sentences, those that speak against it first.
    """

    blessed: bool
    reasons: tuple


def bless(scores, thresholds, compared_score=None, last_scores=None):
    """Decides on a model by its scores.

    A score that is lower the better must be at most its threshold, one that is higher the better at least. Then, if there
    is a model to be compared with, the compared score must be better than that model's; equal is not better.

    Args:
        scores: `Evaluation` of the model.
        thresholds: From names of scores to numbers.
        compared_score: Name of a score; needed with `last_scores`.
        last_scores: `Evaluation` of the last model that was pushed, of the same protocol, or `None`.

    Returns:
        A `Blessing`.

    Raises:
        UserError: There is no score of a name, or the two models' scores were not made in the same way.

    Example:

    >>> from tfgan_suite.metrics import Evaluation, EvaluationRow
    >>> row = EvaluationRow("frechet_distance_1k", 12.5, None, None, None, "lower", {}, {})
    >>> bless(Evaluation([row]), {"frechet_distance_1k": 10.0}).reasons
    ('frechet_distance_1k is 12.5, expected at most 10.',)
    """
    against, for_it = [], []
    for name, threshold in thresholds.items():
        row = scores[name]
        met = row.value <= threshold if row.direction == "lower" else row.value >= threshold
        bound = "at most" if row.direction == "lower" else "at least"
        (for_it if met and math.isfinite(row.value) else against).append(
            f"{name} is {row.value:.5g}, expected {bound} {threshold:.5g}."
        )
    if last_scores is not None:
        comparison = compare(last_scores[compared_score], scores[compared_score])
        better = comparison.better == "second" and math.isfinite(comparison.second)
        (for_it if better else against).append(
            f"{compared_score} is {comparison.second:.5g}, that of the last model pushed {comparison.first:.5g}."
        )
    return Blessing(not against, (*against, *for_it))
