"""The one way to read a small file: whatever is in it, the result is a value, or one sentence with the file's path."""

import collections.abc
import contextlib
import dataclasses
import json
import logging
import os
import types
import typing
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.terminal import printable

_LOGGER = logging.getLogger(__name__)
# What comes of contents that nobody expected: no JSON, no text, no zip, other types, names missing, nested without end.
DAMAGES = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError, AssertionError),
    *(EOFError, OSError, SyntaxError, zipfile.BadZipFile, zlib.error),
    RuntimeError,  # Of zip files that say that they are encrypted; and `RecursionError`, `NotImplementedError`.
)


class DamagedFileError(UserError):
    """A file holds something else than it should."""


@contextlib.contextmanager
def reading(path: str | os.PathLike, what: str, advice: str = "") -> Iterator[None]:
    """Turns whatever goes wrong while a file is read and understood into a `UserError` with its path.

    Args:
        path: String or path. The file.
        what: String. What it should be, such as `"the config of a run"`.
        advice: String. What to do about a damaged one: one or more sentences.

    Raises:
        DamagedFileError: It holds something else.
        UserError: It does not exist, cannot be read, or says what is refused.

    Example:

    >>> with reading("runs/digits/config.json", "the config of a run", "Restore it from a copy."):
    ...     config = json.loads("[")
    Traceback (most recent call last):
    DamagedFileError: runs/digits/config.json is not the config of a run (Expecting value: line 1 column 2 (char 1)).
    Restore it from a copy.
    """
    try:
        yield
    except UserError as error:
        if str(path) in str(error):
            raise
        raise UserError(f"{path} cannot be used: {error}") from error
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}, which should be {what}.") from error
    except DAMAGES as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = " ".join(reason.split())[:200] or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"there is no {reason}"
        raise DamagedFileError(f"{path} is not {what} ({reason}). {advice}".rstrip()) from error


def read_json(path: str | os.PathLike, what: str, advice: str = "") -> dict:
    """Reads a JSON file that holds an object.

    Args:
        path: String or path. The file.
        what: String. As in `reading`.
        advice: String. As in `reading`.

    Returns:
        The dict. File names that are not valid UTF-8 come back as they were.

    Raises:
        UserError: As in `reading`. A name that stands there twice is refused as well.
    """
    with reading(path, what, advice):
        content = parse_json(Path(path).read_bytes().decode("utf-8", "surrogateescape"))
        if not isinstance(content, dict):
            raise TypeError(f"expected an object of JSON, received {shown(content)}")
    return content


def parse_json(text: str):
    """The value of a JSON text. Raises `ValueError` or `RecursionError`, also for a name that stands there twice."""
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs):
    content = dict(pairs)
    if len(content) < len(pairs):
        seen = set()
        double = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the name {double!r} stands there twice")
    return content


def read_json_lines(
    path: str | os.PathLike, fields: collections.abc.Mapping = types.MappingProxyType({})
) -> list[dict]:
    """Reads a file of one JSON object a line. A line that was cut short or damaged is left out; one line of the log says so.

    Args:
        path: String or path. The file.
        fields: Mapping of names that each row must have to their types, as for `typed`.

    Returns:
        The rows, a list of dicts; none if there is no file.
    """
    path = Path(path)
    with reading(path, "a file of JSON lines"):
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    rows, num_damaged = [], 0
    for number, line in enumerate(lines):
        try:
            row = parse_json(line.decode("utf-8"))
            for name, annotation in fields.items():
                typed(annotation, row[name], name)
        except DAMAGES:
            num_damaged += number < len(lines) - 1  # The last one is empty, or what a kill left of a line.
        else:
            if isinstance(row, dict):
                rows.append(row)
    if num_damaged:
        _LOGGER.warning(
            "%d of %d lines of %s are damaged and left out.", num_damaged, len(lines) - 1, printable(str(path))
        )
    return rows


# === Types ===


def from_fields(cls: type, values, name: str = ""):
    """Makes a dataclass of JSON values, and checks each by the annotation of its field.

    Args:
        cls: Class. A dataclass. Fields with a default may be missing.
        values: Dict of the fields' names to JSON values; lists become tuples where the field is one.
        name: String. What the error calls the whole.

    Returns:
        An object of the class.

    Raises:
        TypeError: A value is of another type, or a field is missing.
        UserError: There is no such field.
    """
    if not isinstance(values, dict):
        raise TypeError(f"`{name or cls.__name__}` must be an object of JSON. Received: {shown(values)}")
    hints, fields = typing.get_type_hints(cls), {field.name for field in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            raise unknown_name(f"field of {cls.__name__}", key, fields)
    return cls(**{key: typed(hints[key], value, f"{name}.{key}".lstrip(".")) for key, value in values.items()})


def typed(annotation, value, name: str):
    """A JSON value as an annotation says: lists as tuples, objects as dataclasses.

    Raises:
        TypeError: The value is of another type.

    Example:

    >>> typed(tuple[int, ...], [1, 2], "counts")
    (1, 2)
    """
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if annotation is typing.Any:
        return value
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            with contextlib.suppress(TypeError):
                return typed(argument, value, name)
    elif dataclasses.is_dataclass(origin):
        return from_fields(origin, value, name)
    elif origin in (dict, collections.abc.Mapping):
        if isinstance(value, dict):
            inner = arguments[1] if arguments else typing.Any
            return {key: typed(inner, item, f"{name}.{key}") for key, item in value.items()}
    elif origin in (tuple, list):
        if isinstance(value, (list, tuple)):
            inner = arguments[0] if arguments else typing.Any
            return origin(typed(inner, item, f"{name}[{index}]") for index, item in enumerate(value))
    elif origin in (int, float):
        if isinstance(value, (int, origin)) and not isinstance(value, bool):
            return value
    elif isinstance(value, origin):
        return value
    raise TypeError(f"`{name}` must be {_in_words(annotation)}. Received: {shown(value)}")


def shown(value) -> str:
    """A value in an error, cut where it is long."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _in_words(annotation) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "null" if annotation is type(None) else annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")
