"""OfficialModel: a model built from another project's files, before it is written in the suite's own format."""

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
    """A model, and everything known about its origin.

    Attributes:
        model: The model.
        format: String. The format of the file, for display.
        files: Tuple of paths that were read, the main file or directory first.
        license: String. License of such weights, unless the user states another one.
        license_from: String. Where this information comes from.
        states: Dict that maps the names of the model's networks (`"ema_generator"`, ...) to their weights by official
            name.
        to_state: Callable that returns the weights of a network of the model by official name.
        assumed: Dict of settings that neither the file nor the user states, each with its value and the reason.
        training_set: Dict. What the file says about its data.
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
    """Returns weights as contiguous float32 arrays.

    Raises:
        UserError: If a weight is not a floating-point array, or not finite.
    """
    checked = {}
    for name, value in weights.items():
        array = np.asarray(value)
        floating = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
        if not floating or not np.isfinite(array.astype(np.float32)).all():
            raise UserError(
                f"{shown(name)} must contain finite floating-point numbers. Received: {array.dtype}, or not finite."
            )
        checked[name] = np.array(array, np.float32, order="C")
    return checked


def with_defaults(settings: Mapping[str, Any], defaults: Mapping[str, tuple[Any, str]]) -> tuple[dict, dict]:
    """Completes settings with defaults.

    Args:
        settings: Dict of the given settings.
        defaults: Dict that maps names to `(value, reason)`.

    Returns:
        A tuple of all settings, and of the texts for `OfficialModel.assumed` for those that were not given.
    """
    values = {name: value for name, (value, _) in defaults.items()}
    assumed = {name: f"{value}, {reason}" for name, (value, reason) in defaults.items() if name not in settings}
    return {**values, **settings}, assumed


def check_positive(settings: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raises `UserError` if a setting with one of these names is not a number > 0."""
    for name in names:
        value = settings.get(name, 1.0)
        if type(value) not in (int, float) or not 0.0 < value < float("inf"):
            raise UserError(f"`{name}` must be a number > 0. Received: {name}={value!r}")
