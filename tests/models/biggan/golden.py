"""Golden vectors of BigGAN and BigGAN-deep: where they are, and how to compare with them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.checkpoints.biggan_state import biggan_from_state

REPOSITORY = Path(__file__).parents[3]
FILES = {
    **{name: REPOSITORY / "tests" / "golden" / f"{name}.npz" for name in ("biggan_32_cls5", "biggandeep_32_cls5")},
    **{
        name: REPOSITORY.parent / "shared" / "golden" / f"{name}.npz"
        for name in ("biggan_32_cls10", "biggan_64_cls10", "biggandeep_64_cls10")
    },
}


def load(name):
    if not FILES[name].exists():
        pytest.skip(f"The larger golden vectors are not beside the repository: no {FILES[name].name}.")
    with np.load(FILES[name]) as content:
        return dict(content)


def part_of(golden, prefix):
    return {name[len(prefix) :]: value for name, value in golden.items() if name.startswith(prefix)}


def channels_last(images):
    return tf.constant(images.transpose(0, 2, 3, 1))


def networks_of(golden):
    """Generator, discriminator, latents, labels, real images."""
    networks = biggan_from_state(part_of(golden, "G/"), part_of(golden, "D/"))
    return *networks, tf.constant(golden["in/z"]), tf.constant(golden["in/y"]), channels_last(golden["in/x"])


def assert_near(value, expected, tolerance=2e-4):
    """Greatest difference against the greatest value."""
    value, expected = np.asarray(value), np.asarray(expected)
    assert value.shape == expected.shape
    assert np.abs(value - expected).max() <= tolerance * np.abs(expected).max()


def assert_near_in_norm(values, expected, tolerance=1e-3):
    """Every array by name, `||a - b|| / ||b||`.

    The bias of a convolution before a normalisation has a gradient of zero: rounding, in the reference too, is measured
    against the largest array.
    """
    assert set(values) == set(expected)
    rounding = 1e-6 * max(np.linalg.norm(array) for array in expected.values())
    for name, array in expected.items():
        assert values[name].shape == array.shape, name
        difference = np.linalg.norm(values[name] - array)
        assert difference <= tolerance * np.linalg.norm(array) + rounding, (
            f"{name}: {difference} of {np.linalg.norm(array)}"
        )
