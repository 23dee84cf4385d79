"""Paths that users write, as paths of this machine."""

import os
import re
from pathlib import Path

from tfgan_suite.foundation.errors import UserError

# `Path` makes one slash of the two.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def local_path(path: str | os.PathLike) -> Path:
    """The path of a file or directory, with `~` for the home directory.

    All files are read and written through the file system of the machine: they appear whole, by renaming, under locks, which
    the storage of a cloud does not know. An address such as `gs://bucket/data` is refused, rather than taken for a
    directory named `gs:`.

    Args:
        path: String or path, relative to the working directory or absolute.

    Returns:
        A `Path`.

    Raises:
        UserError: It is an address of something that is not in the file system.

    Example:

    >>> local_path("data/digits")
    PosixPath('data/digits')
    """
    text = os.fspath(path)
    if isinstance(text, str) and _ADDRESS.match(text):
        raise UserError(
            f"A path must be one of this machine's file system. Received: {text!r}, an address. Copy what is there to a local "
            "path, or mount it (gcsfuse, mount-s3, rclone), and pass that."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # `~somebody` who is not known.
        raise UserError(f"The home directory in {text!r} cannot be found: {error}") from error


def expand_home(text: str) -> str:
    """The text of a path as it is, but for `~`, which becomes the home directory.

    Raises:
        UserError: As `local_path`.
    """
    path = local_path(text)
    return str(path) if os.fspath(text).startswith("~") else text
