"""Errors that a user can act on: what was expected, what was received, and what to do."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

from tfgan_suite.foundation.terminal import printable


class UserError(ValueError):
    """An error the user can fix. The command line prints only its message, without a traceback."""

    def __str__(self) -> str:
        return printable(super().__str__())  # Names in it come from files of others.


class MissingExtraError(UserError, ImportError):
    """A part of the suite that needs optional packages was used, but the packages are not installed."""


def unknown_name(kind: str, received: str, choices: Iterable[str]) -> UserError:
    """Builds the error for a name that is not one of `choices`, suggesting the closest valid name.

    Example:

    >>> str(unknown_name("split", "tran", ["train", "test"]))
    "Unknown split 'tran'. Did you mean 'train'? Expected one of: test, train."
    """
    choices = sorted(choices)
    nearest = difflib.get_close_matches(str(received), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UserError(f"Unknown {kind} {received!r}.{hint} Expected one of: {', '.join(choices) or '(none)'}.")


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Imports an optional package, or names the extra that installs it.

    Args:
        module: String. Dotted name of the module, such as `"apache_beam"`.
        extra: String. Name of the extra in `setup.py` that installs the module.
        purpose: String. What needs the module: the subject of the sentence "... needs the package ...".

    Returns:
        The module.

    Raises:
        MissingExtraError: If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module != error.name and not module.startswith(error.name + "."):
            raise  # The module is installed, but something it imports is not; that is not a missing extra.
        raise MissingExtraError(
            f"{purpose} needs the package {module.split('.')[0]!r}, which is not installed. "
            f'Install it with: pip install "tfgan-suite[{extra}]"'
        ) from error
