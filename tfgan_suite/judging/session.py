"""The session behind the web page, independently of HTTP: returns each rater's next trial and accepts answers."""

import math
import unicodedata

from tfgan_suite.judging.answers import Answer, AnswerStore
from tfgan_suite.judging.study import REAL_OR_FAKE, WHICH_IS_BETTER, WHICH_IS_REAL, Study
from tfgan_suite.serving.serving_error import ServingError, invalid_argument, not_found

_PROMPTS = {
    REAL_OR_FAKE: "Is this picture real, or made by a computer?",
    WHICH_IS_REAL: "Which of the two pictures is real?",
    WHICH_IS_BETTER: "Which of the two pictures is better?",
}
_MAX_NAME = 64
_MAX_TRIAL = 10**6
_MAX_MILLISECONDS = 86_400_000


class Session:
    """Returns trials and accepts answers. All state is on disk, so a new session continues where the last one ended.

    Args:
        study: A `Study`.
        store: The `AnswerStore` of the study.
    """

    def __init__(self, study: Study, store: AnswerStore):
        self.study = study
        self._store = store

    def describe(self) -> dict:
        """Returns a dict with the content of the first screen."""
        settings = self.study.settings
        return {
            "question": self.study.question,
            "prompt": _PROMPTS[self.study.question],
            "choices": self._choices(),
            "display_milliseconds": settings["display_milliseconds"],
            "has_sounds": self.study.has_sounds,
            "num_trials": settings["num_items"] + settings["num_repeats"] + settings["num_checks"],
        }

    def next_trial(self, rater) -> dict:
        """Returns the first trial that a rater has not answered.

        Args:
            rater: String. Name of the rater.

        Returns:
            Dict with the number and the images of the trial, and whether the rater is done.

        Raises:
            ServingError: If the name is invalid.
        """
        rater = _checked_name(rater)
        trials = self.study.trials(rater)
        number = len(self._store.of(rater))  # Trials are answered in order.
        return {
            "rater": rater,
            "trial": number,
            "num_trials": len(trials),
            "done": number == len(trials),
            "pictures": list(trials[number].pictures) if number < len(trials) else [],
        }

    def answer(self, content) -> dict:
        """Accepts an answer and returns the next trial.

        Sending the same answer again, for example because the reply was lost, has no effect and is not an error.

        Args:
            content: Dict with the keys `rater`, `trial`, `choice`, `milliseconds`, and `shown_milliseconds`.

        Returns:
            Dict. The next trial, as from `next_trial`.

        Raises:
            ServingError: If the answer is malformed, skips a trial, or contradicts an earlier answer to its trial.
        """
        fields = {"rater", "trial", "choice", "milliseconds", "shown_milliseconds"}
        if not isinstance(content, dict) or set(content) != fields:
            raise invalid_argument(f"The answer must be an object with {', '.join(sorted(fields))}.")
        rater, number, choice = _checked_name(content["rater"]), content["trial"], content["choice"]
        if type(number) is not int or not 0 <= number <= _MAX_TRIAL:
            raise invalid_argument("`trial` must be the number of a trial.")
        trials, answered = self.study.trials(rater), len(self._store.of(rater))
        if number >= len(trials):
            raise not_found(f"`trial` must be from 0 to {len(trials) - 1}. Received: trial={number}")
        if number > answered:
            raise ServingError("ABORTED", f"`trial` must be the next one, {answered}. Received: trial={number}")
        if choice not in self._choices():
            raise invalid_argument(f"`choice` must be {' or '.join(self._choices())}.")
        trial = trials[number]
        if self.study.question != REAL_OR_FAKE:
            choice = trial.pictures[self._choices().index(choice)]
        durations = (
            _checked_duration(content["milliseconds"], optional=False),
            _checked_duration(content["shown_milliseconds"], optional=True),
        )
        standing = self._store.add(Answer(rater, number, trial.item.number, choice, *durations))
        if standing is not None and standing.choice != choice:
            raise ServingError("ALREADY_EXISTS", f"Trial {number} has already been answered, and that answer stands.")
        return self.next_trial(rater)

    def _choices(self) -> list[str]:
        return ["real", "fake"] if self.study.question == REAL_OR_FAKE else ["left", "right"]


def _checked_name(name) -> str:
    if not isinstance(name, str):
        raise invalid_argument("The name must be a string.")
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise invalid_argument(f"The name must have 1 to {_MAX_NAME} characters.")
    return name


def _checked_duration(value, optional: bool) -> float | None:
    if value is None and optional:
        return None
    if type(value) not in (int, float) or not (math.isfinite(value) and 0 <= value <= _MAX_MILLISECONDS):
        raise invalid_argument("Durations must be numbers of milliseconds.")
    return float(value)
