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


def with_value(array, value):
    """The array with one number replaced."""
    array = np.array(array, np.float64)
    array.flat[13] = value
    return array


ROWS = np.random.default_rng(0).normal(size=(20, 4))
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
# What no score of two feature sets may accept: real, fake, part of the message.
HOSTILE_PAIRS = {
    "nan": (ROWS, with_value(ROWS, np.nan), "NaN or infinity in 1 of 20"),
    "infinity": (with_value(ROWS, np.inf), ROWS, "NaN or infinity in 1 of 20"),
    "one row": (ROWS[:1], ROWS, "Real features must have at least 2 rows. Received: 1 rows"),
    "no rows": (ROWS, ROWS[:0], "Fake features must have at least 2 rows. Received: 0 rows"),
    "no dimensions": (ROWS[:, :0], ROWS[:, :0], "rows, dimensions"),
    "dimensions": (ROWS, ROWS[:, :3], "4 and 3 dimensions"),
    "images": (IMAGES, ROWS, "not images"),
    "vector": (ROWS[0], ROWS, r"rows, dimensions\]. Received: shape=\(4,\)"),
    "integers": (ROWS, (ROWS * 9).astype("uint8"), "look like images"),
    "truths": (ROWS > 0, ROWS, "floating-point"),
    "complex": (ROWS.astype(complex), ROWS, "floating-point"),
    "text": ([["a"]], ROWS, "floating-point"),
    "constant real": (np.ones((20, 4)), ROWS, "All 20 rows of the real"),
    "constant fake": (ROWS, np.ones((20, 4)), "All 20 rows of the fake"),
}
