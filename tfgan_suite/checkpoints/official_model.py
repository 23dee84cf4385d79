"""OfficialModel: a model built out of files that others wrote, before it is written in our own format."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.untrusted.restricted_unpickler import shown


@dataclasses.dataclass(frozen=True)
class OfficialModel:
    """A model, and all that is known of where it comes from.

    Attributes:
        model: The model.
        format: What kind of file it was, for the eye.
        files: What was read, the main file or directory first.
        license: String. The license of such weights, unless another is given.
        license_from: String. Where that comes from.
        states: From the names of the model's networks (`"ema_generator"`, ...) to their weights under official names.
        to_state: Gives the weights of a network of the model under the official names.
        assumed: Settings that neither the file nor the user states, each with its value and the reason.
        training_set: What the file tells of its data.
    """

    model: GenerativeModel
    format: str
    files: tuple[Path, ...]
    license: str
    license_from: str
    states: Mapping[str, Mapping[str, np.ndarray]]
    to_state: Callable[[Any], Mapping[str, np.ndarray]]
    assumed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    training_set: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def checked_weights(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Weights as contiguous float32 arrays.

    Raises:
        UserError: One is no floating-point number, or not finite.
    """
    checked = {}
    for name, value in weights.items():
        array = np.asarray(value)
        floating = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
        if not floating or not np.isfinite(array.astype(np.float32)).all():
            raise UserError(
                f"Expected finite floating-point numbers in {shown(name)}. Received: {array.dtype}, or not finite."
            )
        checked[name] = np.array(array, np.float32, order="C")
    return checked


def with_defaults(settings: Mapping[str, Any], defaults: Mapping[str, tuple[Any, str]]) -> tuple[dict, dict]:
    """Settings with what is taken where none is given.

    Args:
        settings: What was given.
        defaults: From names to value and reason.

    Returns:
        All settings, and for those not given the text for `OfficialModel.assumed`.
    """
    values = {name: value for name, (value, _) in defaults.items()}
    assumed = {name: f"{value}, {reason}" for name, (value, reason) in defaults.items() if name not in settings}
    return {**values, **settings}, assumed


def check_positive(settings: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuses settings of these names that are no numbers above zero."""
    for name in names:
        value = settings.get(name, 1.0)
        if type(value) not in (int, float) or not 0.0 < value < float("inf"):
            raise UserError(f"Expected a number above 0 as {name}. Received: {value!r}")
