import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.release.gate import bless


def scores(value, direction="lower", name="distance", **protocol):
    return Evaluation([EvaluationRow(name, value, None, None, None, direction, protocol, {})])


@pytest.mark.parametrize(
    "value, direction, threshold, blessed",
    [
        (10.0, "lower", 10.0, True),
        (10.1, "lower", 10.0, False),
        (10.0, "higher", 10.0, True),
        (9.9, "higher", 10.0, False),
        (float("nan"), "lower", 10.0, False),
        (float("-inf"), "lower", 10.0, False),
    ],
)
def test_thresholds(value, direction, threshold, blessed):
    assert bless(scores(value, direction), {"distance": threshold}).blessed is blessed


@pytest.mark.parametrize(
    "value, last, direction, blessed",
    [(9.0, 10.0, "lower", True), (10.0, 10.0, "lower", False), (9.0, 10.0, "higher", False)],
)
def test_the_last_model(value, last, direction, blessed):
    decision = bless(scores(value, direction), {}, "distance", scores(last, direction))
    assert decision.blessed is blessed and f"compared to {last:g} for the last model pushed" in decision.reasons[-1]


def test_reasons_against_come_first():
    rows = Evaluation([*scores(1.0, name="good"), *scores(9.0, name="bad")])
    decision = bless(rows, {"good": 2.0, "bad": 2.0})
    assert [reason.split()[0] for reason in decision.reasons] == ["bad", "good"]


def test_what_cannot_be_compared():
    with pytest.raises(UserError, match="distanse.*Did you mean 'distance'"):
        bless(scores(1.0), {"distanse": 1.0})
    with pytest.raises(UserError, match="extractor"):
        bless(scores(1.0, extractor="a"), {}, "distance", scores(1.0, extractor="b"))
