"""ArrayCache: results that are expensive to compute and depend on their key alone, kept on disk."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import replaced_whole
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import reading

_LOGGER = logging.getLogger(__name__)
_KEY = "key"


def cache_directory() -> Path:
    """`$TFGAN_SUITE_CACHE`, else `$XDG_CACHE_HOME/tfgan-suite`, else `~/.cache/tfgan-suite`. Not created here."""
    if chosen := os.environ.get("TFGAN_SUITE_CACHE"):
        return local_path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfgan-suite"


class ArrayCache:
    """Dictionaries of arrays on disk, one file for each key; the whole key is kept inside and compared.

    A file that is damaged or belongs to another key is reported in the log and treated as absent, and a cache that
    cannot be written costs time but no result.

    Args:
        kind: String. First part of the file names, such as `"real-statistics"`.
        directory: String or path. Where the files are; by default `cache_directory()`.

    Example:

    >>> cache = ArrayCache("doctest", "/tmp/tfgan-suite-doctest")
    >>> cache.write({"data": "abc"}, {"mean": np.zeros(3)})
    >>> cache.read({"data": "abc"})["mean"].shape
    (3,)
    """

    def __init__(self, kind: str, directory: str | os.PathLike | None = None):
        self._kind = kind
        self._directory = Path(directory) if directory is not None else cache_directory()

    def read(self, key: Mapping) -> dict[str, np.ndarray] | None:
        """The arrays that were written under `key` (JSON values), or `None`."""
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            with reading(path, "a file of the cache"), np.load(path, allow_pickle=False) as content:
                arrays = dict(content)
                written_key = arrays.pop(_KEY, np.array("")).item()
        except UserError as error:
            _LOGGER.warning("%s Its content is computed again.", error)
            return None
        if written_key != _as_text(key):
            _LOGGER.warning("The cache file %s belongs to something else: its content is computed again.", path)
            return None
        return arrays

    def write(self, key: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps arrays under `key`. Another process sees the whole file or none."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replaced_whole(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, **arrays, **{_KEY: np.array(_as_text(key))})
        except OSError as error:
            reason = error.strerror or error
            _LOGGER.warning(
                "Could not write the cache file %s (%s): it will be computed again next time.", path, reason
            )

    def _path(self, key: Mapping) -> Path:
        return self._directory / f"{self._kind}-{hashlib.sha256(_as_text(key).encode()).hexdigest()[:24]}.npz"


def _as_text(key: Mapping) -> str:
    return json.dumps(key, sort_keys=True)
