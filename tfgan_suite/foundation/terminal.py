"""What is written on the terminal: names come from files and archives of others, and must not steer it."""

import re

# Control characters, escape sequences among them, except the end of a line and the tab; halves of surrogates, which have no
# encoding; and marks that turn the direction of writing around.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""A text with all that could steer a terminal written out.

    Args:
        text: String.

    Returns:
        The text; a character such as ESC is four characters, `\x1b`.

    Example:

    >>> print(printable("cats\x1b[2J"))
    cats\x1b[2J
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(*values, **options) -> None:
    """Prints, as `print` does, what cannot steer the terminal. Takes the place of `print` in the whole package."""
    print(*(printable(str(value)) for value in values), **options)
