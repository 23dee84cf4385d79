"""Runs before any test module is imported: a quiet TensorFlow on two logical CPUs, and a cache of the tests' own."""

import gc
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
_CACHE = tempfile.TemporaryDirectory(prefix="tfgan-suite-tests-")
os.environ["TFGAN_SUITE_CACHE"] = _CACHE.name

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.framework import ops  # noqa: E402

from tests.prepared_set import write_prepared_set  # noqa: E402

# Two devices on any machine, so that distribution is tested everywhere.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="module", autouse=True)
def no_garbage():
    """What a module's tests have left is taken away: models are circles, of which Python counts objects, not bytes.

    TensorFlow keeps each custom gradient that was called in a graph by its name for ever, and with it the graph: each
    `fit`, Keras's own too, would stay in memory, some 10 MB for the smallest models.
    """
    gradients = ops.gradient_registry._registry
    before = set(gradients)
    yield
    for name in set(gradients) - before:
        if name.startswith("CustomGradient-"):
            del gradients[name]
    gc.collect()


@pytest.fixture(scope="session")
def two_replicas():
    """A strategy with two replicas, on two logical CPUs.

    One for the whole session: TensorFlow numbers the collectives of each strategy from the start again, and a second
    one on the same devices would meet the first one's.
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A prepared set: 48 grey images of 8x8, three classes of different brightness."""
    generator = np.random.default_rng(0)
    labels = np.arange(48) % 3
    images = generator.integers(0, 60, [48, 8, 8, 1]) + 90 * labels[:, None, None, None]
    return write_prepared_set(tmp_path_factory.mktemp("data") / "tiny", images.astype(np.uint8), labels)


@pytest.fixture(scope="session")
def tiny_config(tiny_data, tmp_path_factory):
    """A run of four ticks of two steps."""
    from tfgan_suite.runs.train_config import TrainConfig

    return TrainConfig(
        data_dir=str(tiny_data),
        run_dir=str(tmp_path_factory.mktemp("runs") / "tiny"),
        model={"base_channels": 4, "latent_size": 8},
        batch_size=8,
        total_images=64,
        images_per_tick=16,
        score_every_ticks=-1,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_config):
    """The directory of that run, finished. Tests only read it."""
    from tfgan_suite.runs.train import train

    return train(tiny_config, progress=False).run_dir
