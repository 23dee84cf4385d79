"""Reads sections of a configuration file: each entry by its name, and by the annotation of the argument it stands for."""

import math
import types
import typing
from collections.abc import Mapping, Sequence

from tfgan_suite.foundation.errors import UserError, unknown_name

# Title of the file itself, whose entries are sections.
TOP = "the pipeline"
_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    Mapping: "a mapping",
    Sequence: "a list",
    type(None): "null",
}


def read_section(title, section, arguments, needed=()):
    """Returns the entries of a section, checked.

    Args:
        title: String. Name of the section.
        section: What YAML makes of the section.
        arguments: Dict of the name of each entry to its annotation, or to a tuple of that and the choices.
        needed: Sequence of strings. Names of entries that must be there; of these, strings must not be empty.

    Raises:
        UserError: If an entry is missing, unknown, or of the wrong type.

    Example:

    >>> read_section("push", {"directory": "models"}, {"directory": str, "license": str})
    {'directory': 'models'}
    """
    if not isinstance(section, Mapping):
        raise UserError(f"The section {title} must be a mapping. Received: {section!r}")
    for name in section:
        if name not in arguments:
            raise unknown_name(f"entry of {title}", name, arguments)
    missing = [name for name in needed if name not in section]
    if missing:
        received = ", ".join(map(str, section)) or "no entries"
        raise UserError(f"The section {title} must contain {', '.join(missing)}. Received: {received}")
    entries = {}
    for name, value in section.items():
        annotation, choices = arguments[name] if isinstance(arguments[name], tuple) else (arguments[name], ())
        full_name = f"{title}.{name}" if title != TOP else name
        entries[name] = read_entry(full_name, value, annotation, choices)
        if name in needed and entries[name] == "":
            raise UserError(f"`{full_name}` must be a non-empty string. Received: {full_name}=''")
    return entries


def read_entry(name, value, annotation, choices=()):
    """Returns the value of an entry, checked: an integer may be written `25e3`, and the word `off` without quotes.

    Args:
        name: String. Name of the entry, with its section.
        value: What YAML makes of the entry.
        annotation: Type of the argument, such as `int | None`. Types that a file cannot hold are passed over.
        choices: Sequence of strings, the values that a string may have, or empty for any.

    Raises:
        UserError: If the value is of none of these types.

    Example:

    >>> read_entry("train.total_images", 25e3, int | None)
    25000
    """
    kinds = _kinds(annotation)
    if not kinds:
        return value
    for kind in kinds:
        if _is_kind(value, kind):
            return value
    if int in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    if value is False and "off" in choices:
        return "off"  # YAML 1.1 takes the word for a boolean.
    expected = " or ".join(_WORDS[kind] for kind in kinds)
    raise UserError(f"`{name}` must be {expected}. Received: {name}={value!r}{_advice(value, kinds)}")


def _kinds(annotation):
    """Those of `_WORDS` that an annotation allows; of no annotation, all."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return [kind for one in typing.get_args(annotation) for kind in _kinds(one)]
    found = typing.get_origin(annotation) or annotation
    found = {tuple: Sequence, list: Sequence, dict: Mapping}.get(found, found)
    return [found] if found in _WORDS else []


def _is_kind(value, kind):
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Sequence:
        return isinstance(value, list | tuple)
    return isinstance(value, kind)


def _advice(value, kinds):
    """What to change, where the value looks like the right one in other clothes."""
    if isinstance(value, str) and {int, float} & set(kinds):
        try:
            float(value)
        except ValueError:
            return ""
        return ", a string. Write the number without quotes or leading zeros."
    if str in kinds and isinstance(value, bool | int | float):
        return ". Put it in quotes."
    return ""
