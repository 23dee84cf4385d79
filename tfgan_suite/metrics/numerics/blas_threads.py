"""Keeps NumPy's linear algebra on one thread for a while."""

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Runs the body with one thread in the OpenBLAS that comes inside NumPy's wheels.

    Eigenvalues take thousands of small parallel steps, and OpenBLAS's threads wait for each other at every one of them
    by spinning. On a machine that is busy (a training beside the evaluation) that turned half a second for a 1280 x 1280
    matrix into twelve; one thread stays at half a second. With another BLAS library this does nothing.
    """
    controls = _openblas_controls()
    if controls is None:
        yield
        return
    get_threads, set_threads = controls
    before = get_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


@functools.cache
def _openblas_controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The functions that get and set the number of threads, or `None` if NumPy brings no OpenBLAS of its own."""
    root = Path(np.__file__).parent
    for path in [*(root.parent / "numpy.libs").glob("lib*openblas*"), *(root / ".dylibs").glob("lib*openblas*")]:
        library = ctypes.CDLL(str(path))  # Already loaded by NumPy: this is the same library, not a second one.
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
            try:
                return (
                    getattr(library, f"{prefix}openblas_get_num_threads{suffix}"),
                    getattr(library, f"{prefix}openblas_set_num_threads{suffix}"),
                )
            except AttributeError:
                continue  # Wheels name the functions differently from version to version.
    return None
