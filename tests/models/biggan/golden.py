"""Golden vectors of BigGAN and BigGAN-deep: where they are, and how to compare with them."""

import numpy as np
import tensorflow as tf

from tests.golden_vectors import channels_last, part_of
from tfgan_suite.checkpoints.biggan_state import biggan_from_state

FILES = ("biggan_32_cls5", "biggandeep_32_cls5", "biggan_32_cls10", "biggan_64_cls10", "biggandeep_64_cls10")


def networks_of(golden):
    """Generator, discriminator, latents, labels, real images."""
    networks = biggan_from_state(part_of(golden, "G/"), part_of(golden, "D/"))
    return *networks, tf.constant(golden["in/z"]), tf.constant(golden["in/y"]), channels_last(golden["in/x"])


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
