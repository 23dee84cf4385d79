"""Rules that say when a measurement is alarming, and the alerts that they raise."""

import dataclasses
import math
import statistics

# Calm values that a rule relative to the usual needs before it speaks, and how many it remembers.
_FEWEST_USUAL, _MOST_USUAL = 3, 10
# By how much a value must keep clear of the limit to arm a rule: one that has only just been reached may be lost again.
_CLEARANCE = 1.2


@dataclasses.dataclass(frozen=True)
class Alert:
    """What a rule found.

    Attributes:
        rule: Its name.
        measurement: Name of the measurement in the logs.
        value: What was measured, or `None` if it is no number.
        limit: What it has passed, or `None`.
        images_seen: Images at that time.
        symptom: What is going on, a sentence.
        advice: What to try, in this order, sentences.
        actions: What was done about it, sentences; filled in as it is done.
    """

    rule: str
    measurement: str
    value: float | None
    limit: float | None
    images_seen: int
    symptom: str
    advice: str
    actions: tuple = ()

    def __str__(self):
        found = f"{self.measurement} is not finite."
        if self.value is not None:
            passed = "above" if self.value > self.limit else "below"
            found = f"{self.measurement} is {self.value:.3g}, {passed} {self.limit:.3g}."
        return (
            f"{self.rule} after {self.images_seen:,} images: {self.symptom} {found} What to try, in this order: "
            f"{self.advice}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit on one measurement.

    Exactly one of `above` and `below` is given. A rule is armed by the first value that is in order by a clear
    margin, a fifth of the limit, or by `grace_images`: what has not been learned yet is no sign of collapse. Once raised, it is silent until a value is in
    order again.

    Attributes:
        name: Of its alerts.
        measurement: Name in the logs.
        above: Values above are alarming.
        below: Values below are alarming.
        times_usual: Whether the limit is a multiple of the usual value, the median of the last ten in order.
        patience: Alarming values in a row that raise an alert, >= 1.
        grace_images: Images from which an alert is raised although no value has been in order yet.
        symptom: What it means, a sentence.
        advice: What to try, in this order, sentences.
        reason: Why the limit is where it is.

    Example:

    >>> rule = Rule(name="low", measurement="x", below=0.5, patience=2, symptom="Low.", advice="Wait.", reason="")
    >>> state = {}
    >>> [rule.judge(state, value, images) is not None for images, value in enumerate([0.1, 0.9, 0.2, 0.1, 0.1])]
    [False, False, False, True, False]
    """

    name: str
    measurement: str
    symptom: str
    advice: str
    reason: str
    above: float | None = None
    below: float | None = None
    times_usual: bool = False
    patience: int = 1
    grace_images: float = math.inf

    def __post_init__(self):
        if (self.above is None) == (self.below is None):
            raise ValueError(f"Expected one of above and below. Received: above={self.above}, below={self.below}")
        if self.patience < 1:
            raise ValueError(f"Expected patience >= 1. Received: patience={self.patience}")

    def judge(self, state, value, images_seen):
        """Takes a value in.

        Args:
            state: The dict that this rule keeps from value to value, changed in place; `{}` at first.
            value: The measurement, a finite number.
            images_seen: Images at that time.

        Returns:
            The `Alert` if there is a new one, or else `None`.
        """
        limit = self.above if self.below is None else self.below
        usual = state.setdefault("usual", [])
        if self.times_usual:
            limit = limit * statistics.median(usual) if len(usual) >= _FEWEST_USUAL else None
        if limit is None or not (value > limit if self.below is None else value < limit):
            clear = limit is None or (
                value * _CLEARANCE <= limit if self.below is None else value >= limit * _CLEARANCE
            )
            armed = bool(state.get("armed") or clear)
            state.update(armed=armed, streak=0, raised=False, usual=[*usual, value][-_MOST_USUAL:])
            return None
        if not state.get("armed") and images_seen < self.grace_images:
            return None
        state["streak"] = state.get("streak", 0) + 1
        if state.get("raised") or state["streak"] < self.patience:
            return None
        state["raised"] = True
        return Alert(self.name, self.measurement, value, limit, images_seen, self.symptom, self.advice)
