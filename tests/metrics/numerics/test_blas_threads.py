import numpy as np
import pytest

from tfgan_suite.metrics.numerics.blas_threads import _openblas_controls, one_blas_thread


def test_one_thread_inside_and_as_before_outside():
    controls = _openblas_controls()
    if controls is None:
        pytest.skip("NumPy brings no OpenBLAS of its own here.")
    get_threads, set_threads = controls
    original = get_threads()
    set_threads(2)
    try:
        with pytest.raises(RuntimeError), one_blas_thread():
            assert get_threads() == 1
            raise RuntimeError
        assert get_threads() == 2
    finally:
        set_threads(original)


def test_does_nothing_with_another_library(monkeypatch):
    monkeypatch.setattr("tfgan_suite.metrics.numerics.blas_threads._openblas_controls", lambda: None)
    with one_blas_thread():
        np.testing.assert_allclose(np.linalg.eigvalsh(np.eye(3)), 1.0)
