"""Decides whether a model may be pushed: it must meet the thresholds, and beat the last model pushed."""

import dataclasses
import math

from tfgan_suite.metrics.protocol.results import compare


@dataclasses.dataclass(frozen=True)
class Blessing:
    """A decision and its reasons.

    Attributes:
        blessed: Boolean. Whether the model may be pushed.
        reasons: Tuple of sentences. Reasons against pushing come first.
    """

    blessed: bool
    reasons: tuple


def bless(scores, thresholds, compared_score=None, last_scores=None):
    """Decides from its scores whether a model may be pushed.

    Each score must meet its threshold: at most the threshold if lower is better, at least the threshold if higher is
    better. If there is a previous model, the compared score must also be strictly better than that model's.

    Args:
        scores: An `Evaluation` of the model.
        thresholds: Dict `{name: number}`. Threshold for each score.
        compared_score: String or `None`. Name of the score to compare. Required with `last_scores`.
        last_scores: An `Evaluation` of the last model pushed, with the same protocol, or `None`.

    Returns:
        A `Blessing`.

    Raises:
        UserError: If there is no score with a given name, or the scores of the two models were not computed in the same
            way.

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
            f"{compared_score} is {comparison.second:.5g}, compared to {comparison.first:.5g} for the last model "
            "pushed."
        )
    return Blessing(not against, (*against, *for_it))
