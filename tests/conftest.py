"""Runs before any test module is imported: a quiet TensorFlow on two logical CPUs."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

# Two devices on any machine, so that distribution is tested everywhere.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_replicas():
    """A strategy with two replicas, on two logical CPUs.

    One for the whole session: TensorFlow numbers the collectives of each strategy from the start again, and a second
    one on the same devices would meet the first one's.
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
