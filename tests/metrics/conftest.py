import numpy as np
import pytest

from tests.golden_vectors import load_golden


@pytest.fixture(params=["24", "64", "rankdef"], ids=["small", "64", "rankdef"])
def golden(request):
    """Features, logits and the reference implementations' results; `small` is always there."""
    return load_golden(f"metrics_features_{request.param}")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test has a cache of its own."""
    monkeypatch.setenv("TFGAN_SUITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hostile_features():
    """What no score of two feature sets may accept: (real, fake, part of the message)."""
    good = np.random.default_rng(0).normal(size=(20, 4))
    with_nan = good.copy()
    with_nan[3, 2] = np.nan
    return [
        (good, with_nan, "NaN or infinity in 1 of 20"),
        (np.full((20, 4), np.inf), good, "NaN or infinity"),
        (good[:1], good, "at least 2 rows of real features. Received 1"),
        (good, good[:, :3], "4 and 3 dimensions"),
        (np.zeros((20, 8, 8, 3), "uint8"), good, "not images"),
        ((good * 9).astype("uint8"), good, "look like images"),
        (np.ones((20, 4)), good, "All 20 rows of the real"),
        (good, np.ones((20, 4)), "All 20 rows of the fake"),
        (good[:, :0], good[:, :0], "rows, dimensions"),
        ([["a"]], good, "floating-point"),
    ]
