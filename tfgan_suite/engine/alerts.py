"""Rules that say when a measurement is alarming, and the alerts that they raise."""

import dataclasses
import math
import statistics

# Calm values that a rule relative to the usual needs before it judges, and how many it remembers.
_FEWEST_USUAL, _MOST_USUAL = 3, 10
# By how much a value must keep clear of the limit to arm a rule: one that has only just been reached may be lost again.
_CLEARANCE = 1.2


@dataclasses.dataclass(frozen=True)
class Alert:
    """What a rule found.

    Attributes:
        rule: String. The rule's name.
        measurement: String. Name of the measurement in the logs.
        value: Float. What was measured, or `None` if it is not a number.
        limit: Float. The limit that the value passed, or `None`.
        examples_seen: Integer. Examples trained on at that time.
        symptom: String. What is going on, a sentence.
        advice: String. What to try, in this order.
        actions: Tuple of strings. What was done about it, filled in as it is done.
        unit: String. The word for examples, such as `"images"`.
    """

    rule: str
    measurement: str
    value: float | None
    limit: float | None
    examples_seen: int
    symptom: str
    advice: str
    actions: tuple = ()
    unit: str = "images"

    def __str__(self):
        found = f"{self.measurement} is not finite."
        if self.value is not None:
            passed = "above" if self.value > self.limit else "below"
            found = f"{self.measurement} is {self.value:.3g}, {passed} {self.limit:.3g}."
        return (
            f"{self.rule} after {self.examples_seen:,} {self.unit}: {self.symptom} {found} What to try, in this order: "
            f"{self.advice}"
        )

    @classmethod
    def from_row(cls, row):
        """The alert of a row of JSON; version 0.1 said `images_seen`."""
        row = {("examples_seen" if name == "images_seen" else name): value for name, value in row.items()}
        return cls(**{**row, "actions": tuple(row["actions"])})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit on one measurement.

    A rule is armed by the first value that is within the limit by a clear margin, a fifth of the limit, or by
    `grace_images`: what has not been learned yet is no sign of collapse. Once raised, it stays silent until a value is
    within the limit again.

    Args:
        name: String. The name of its alerts.
        measurement: String. Name in the logs.
        symptom: String. What it means, a sentence.
        advice: String. What to try, in this order.
        reason: String. Why the limit is where it is.
        above: Float. Values above are alarming. Exactly one of `above` and `below` is given.
        below: Float. Values below are alarming.
        times_usual: Boolean. Whether the limit is a multiple of the usual value, the median of the last ten within it.
        patience: Integer >= 1. Alarming values in a row that raise an alert.
        grace_images: Number. Examples from which an alert is raised although no value has been within the limit yet.

    Raises:
        ValueError: An argument out of range.

    Example:

    >>> rule = Rule(name="low", measurement="x", below=0.5, patience=2, symptom="Low.", advice="Wait.", reason="")
    >>> state = {}
    >>> [rule.judge(state, value, seen) is not None for seen, value in enumerate([0.1, 0.9, 0.2, 0.1, 0.1])]
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
            raise ValueError(
                f"One of `above` and `below` must be given. Received: above={self.above}, below={self.below}"
            )
        if self.patience < 1:
            raise ValueError(f"`patience` must be >= 1. Received: patience={self.patience}")

    def judge(self, state, value, examples_seen):
        """Takes in a value.

        Args:
            state: Dict that this rule keeps from value to value, changed in place; `{}` at first.
            value: Float. The measurement, finite.
            examples_seen: Integer. Examples trained on at that time.

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
        if not state.get("armed") and examples_seen < self.grace_images:
            return None
        state["streak"] = state.get("streak", 0) + 1
        if state.get("raised") or state["streak"] < self.patience:
            return None
        state["raised"] = True
        return Alert(self.name, self.measurement, value, limit, examples_seen, self.symptom, self.advice)
