import pytest

from tfgan_suite.callbacks import Rule

WORDS = {"symptom": "It is so.", "advice": "rest.", "reason": ""}


def raised(rule, values, step=1):
    """Numbers of the values that raise an alert."""
    state = {}
    return [i for i, value in enumerate(values) if rule.judge(state, value, i * step) is not None]


def test_an_alert_needs_patience_and_is_raised_once():
    rule = Rule(name="low", measurement="x", below=1.0, patience=2, grace_images=0, **WORDS)
    assert raised(rule, [2, 0.5, 2, 0.5, 0.4, 0.3, 2, 0.5, 0.5]) == [4, 8]
    high = Rule(name="high", measurement="x", above=1.0, grace_images=0, **WORDS)
    assert raised(high, [0.5, 1.5, 1.5, 0.5, 1.5]) == [1, 4]


def test_what_is_not_learned_yet_raises_nothing():
    rule = Rule(name="low", measurement="x", below=1.0, grace_images=50, **WORDS)
    assert raised(rule, [0.1] * 4, step=10) == []
    assert raised(rule, [0.1] * 8, step=10) == [5]  # Too late to be still learning.
    assert raised(rule, [0.1, 1.3, 0.1], step=10) == [2]  # It had been learned.
    assert raised(rule, [0.1, 1.1, 0.9, 0.9], step=10) == []  # Only just: it may go up and down there.


def test_a_multiple_of_the_usual_value():
    rule = Rule(name="long", measurement="x", above=10.0, times_usual=True, **WORDS)
    assert raised(rule, [100, 1, 1, 9, 11, 1, 1, 1, 1, 60]) == [9]  # Medians of 1, 1, 5 and then 1 of the last ones.
    assert raised(rule, [1, 100, 1000]) == []  # Nothing is usual yet.
    assert raised(rule, [1, 1, 1, 50, 50, 50]) == [3]  # What alarms does not become usual.


def test_the_text_says_what_and_where():
    rule = Rule(name="low", measurement="x", below=1.0, grace_images=0, **WORDS)
    text = str(rule.judge({}, 0.25, 12_000))
    assert text == "low after 12,000 images: It is so. x is 0.25, below 1. What to try, in this order: rest."


@pytest.mark.parametrize("limits", [{}, {"above": 1.0, "below": 0.0}, {"above": 1.0, "patience": 0}])
def test_wrong_limits_are_refused(limits):
    with pytest.raises(ValueError, match="must be"):
        Rule(name="x", measurement="x", **limits, **WORDS)
