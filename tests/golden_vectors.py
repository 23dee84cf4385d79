"""The reference implementations' numbers: where they are, and how to compare with them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

REPOSITORY = Path(__file__).parents[1]
# The smallest ones are always there, the larger ones beside the repository or nowhere.
DIRECTORIES = (REPOSITORY / "tests" / "golden", REPOSITORY.parent / "shared" / "golden")


def load_golden(name):
    """The arrays of one file by their names; skips the test where a larger file is absent."""
    for directory in DIRECTORIES:
        path = directory / f"{name}.npz"
        if path.exists():
            with np.load(path) as content:
                return dict(content)
    pytest.skip(f"The larger golden vectors are not beside the repository: no {name}.npz in ../shared/golden.")


def part_of(golden, prefix):
    """The arrays whose names begin so, without the beginning."""
    return {name[len(prefix) :]: value for name, value in golden.items() if name.startswith(prefix)}


def channels_last(images):
    return tf.constant(images.transpose(0, 2, 3, 1))


def assert_near(value, expected, tolerance=2e-4):
    """Greatest difference against the greatest value."""
    value, expected = np.asarray(value), np.asarray(expected)
    assert value.shape == expected.shape
    assert np.abs(value - expected).max() <= tolerance * np.abs(expected).max()
