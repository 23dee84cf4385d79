"""Errors that a user can act on: what was expected, what was received, what to do."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class UserError(ValueError):
    """A mistake that the user can mend. The command line prints its message alone, without a traceback."""


class MissingExtraError(UserError, ImportError):
    """A part of the suite was asked for whose optional packages are not installed."""


def unknown_name(kind: str, received: str, choices: Iterable[str]) -> UserError:
    """Builds the error for a name that is not one of `choices`, naming the nearest right one.

    Example:

    >>> str(unknown_name("split", "tran", ["train", "test"]))
    "Unknown split 'tran'. Did you mean 'train'? Expected one of: test, train."
    """
    choices = sorted(choices)
    nearest = difflib.get_close_matches(str(received), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UserError(f"Unknown {kind} {received!r}.{hint} Expected one of: {', '.join(choices) or '(none)'}.")


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Imports an optional package, or says which extra brings it.

    Args:
        module: Dotted name of the module, such as `"apache_beam"`.
        extra: Name of the extra in `setup.py` that installs it.
        purpose: What needs it, the subject of the sentence "... needs the package ...".

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module != error.name and not module.startswith(error.name + "."):
            raise  # The module is there, but one that it imports is not: that is not a missing extra.
        raise MissingExtraError(
            f"{purpose} needs the package {module.split('.')[0]!r}, which is not installed. "
            f'Install it with: pip install "tfgan-suite[{extra}]"'
        ) from error
