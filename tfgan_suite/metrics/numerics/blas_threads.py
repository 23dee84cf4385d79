"""Temporarily restricts NumPy's linear algebra to one thread."""

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context in which the OpenBLAS bundled with NumPy's wheels uses one thread.

    Computing eigenvalues takes thousands of small parallel steps, and OpenBLAS's threads wait for each other at each
    step by spinning. On a busy machine (with training running next to the evaluation), this increased the time for a
    1280 x 1280 matrix from half a second to twelve; a single thread still takes half a second. With other BLAS
    libraries, the context has no effect.
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
    """Returns the functions that get and set the number of threads, or `None` if NumPy has no bundled OpenBLAS."""
    root = Path(np.__file__).parent
    for path in [*(root.parent / "numpy.libs").glob("lib*openblas*"), *(root / ".dylibs").glob("lib*openblas*")]:
        library = ctypes.CDLL(str(path))  # NumPy has loaded it already: this is the same library, not a second copy.
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
            try:
                return (
                    getattr(library, f"{prefix}openblas_get_num_threads{suffix}"),
                    getattr(library, f"{prefix}openblas_set_num_threads{suffix}"),
                )
            except AttributeError:
                continue  # The functions have different names in different versions of the wheels.
    return None
