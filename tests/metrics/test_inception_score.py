import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Activations, InceptionScore, inception_score


@pytest.mark.parametrize("splits", [1, 10])
def test_golden(golden, splits):
    value = inception_score(golden["in/logits"], splits)
    np.testing.assert_allclose(value, golden[f"out/inception_score_splits{splits}_mean_std"], rtol=1e-6, atol=1e-12)


def test_closed_forms():
    sure = np.eye(5).repeat(20, axis=0) * 1000.0  # Every class once, without doubt; huge logits do not overflow.
    np.testing.assert_allclose(inception_score(sure, 1), (5.0, 0.0), rtol=1e-12)
    np.testing.assert_allclose(inception_score(np.zeros((40, 5)), 4), (1.0, 0.0), rtol=1e-12)
    np.testing.assert_allclose(inception_score(sure, 5), (1.0, 0.0), rtol=1e-12)  # Each part has one class only.


def test_adding_a_constant_to_a_row_changes_nothing():
    logits = np.random.default_rng(0).normal(size=(50, 7))
    shifted = logits + np.random.default_rng(1).normal(size=(50, 1)) * 100
    np.testing.assert_allclose(inception_score(shifted, 3), inception_score(logits, 3), rtol=1e-10)


def test_streamed_in_batches():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype("float32")
    metric = InceptionScore(splits=3)
    for start in range(0, 50, 8):
        metric.update_fake(Activations(logits[start : start + 8], logits[start : start + 8]))
    assert metric.result() == inception_score(logits, 3)


@pytest.mark.parametrize(
    "logits, splits, message",
    [
        (np.full((10, 3), np.nan), 1, "NaN"),
        (np.zeros((10, 3), int), 1, "dtype=int"),
        (np.zeros((10, 3)), 11, "[Ss]plits.* must be an integer from 1 to 10"),
        (np.zeros((10, 3)), 0, "from 1 to 10. Received: 0"),
        (np.zeros((0, 3)), 1, "at least 1 rows"),
        (np.zeros(10), 1, "rows, dimensions"),
    ],
)
def test_hostile_logits(logits, splits, message):
    with pytest.raises(UserError, match=message):
        inception_score(logits, splits)
