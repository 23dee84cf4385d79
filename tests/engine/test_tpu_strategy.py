"""The way to a TPU, up to the hardware: what TensorFlow is asked for and in which order, and batches of static shapes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.adversarial.test_gan import make_gan
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.engine.distribution import is_chief, make_strategy, num_workers
from tfgan_suite.foundation.errors import UserError


class TPUStrategy(tf.distribute.OneDeviceStrategy):
    """Stands in for TensorFlow's, on a CPU."""

    def __init__(self, resolver):
        super().__init__("CPU:0")
        self.resolver = resolver


class Resolver:
    """Stands in for TensorFlow's, which asks Google's cloud, and writes down what is done with it."""

    def __init__(self, tpu):
        self.tpu = tpu
        self.done = []

    def connect(self):
        self.done.append("connect")

    def initialize(self):
        self.done.append("initialize")


@pytest.fixture
def tpu(monkeypatch):
    """TensorFlow as on a machine with a TPU, as far as `make_strategy` asks."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("TPU_NAME", raising=False)
    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", Resolver.connect)
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", Resolver.initialize)
    monkeypatch.setattr(tf.distribute, "TPUStrategy", TPUStrategy)


def test_a_tpu_is_connected_to_and_initialized_first(tpu, monkeypatch):
    strategy = make_strategy("tpu")
    assert isinstance(strategy, TPUStrategy) and strategy.resolver.tpu == "local"
    assert strategy.resolver.done == ["connect", "initialize"]
    assert num_workers(strategy) == 1 and is_chief(strategy)
    monkeypatch.setenv("TPU_NAME", "grpc://10.0.0.1:8470")
    assert make_strategy("tpu").resolver.tpu == "grpc://10.0.0.1:8470"


def test_auto_takes_a_tpu_that_is_named_or_found(tpu, monkeypatch):
    assert not isinstance(make_strategy("auto"), TPUStrategy)
    list_devices = tf.config.list_physical_devices
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: ["TPU:0"] if kind == "TPU" else list_devices(kind)
    )
    assert make_strategy("auto").resolver.tpu == "local"
    monkeypatch.setenv("TPU_NAME", "mine")
    assert make_strategy("auto").resolver.tpu == "mine"


@pytest.mark.parametrize("error", [tf.errors.NotFoundError(None, None, "no such TPU"), RuntimeError("no such TPU")])
def test_a_tpu_that_does_not_answer(tpu, monkeypatch, error):
    def fail(resolver):
        raise error

    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", fail)
    with pytest.raises(UserError, match="does not respond: .*no such TPU.*TPU_NAME"):
        make_strategy("tpu")


@pytest.mark.parametrize("cache", [True, False])
def test_every_replica_gets_batches_of_static_shape(cache, tiny_data, two_replicas):
    """A TPU compiles for one shape: batches that are cut at the end of the data would be refused."""
    _, dataset = load_dataset(tiny_data, "train", batch_size=10, cache=cache, horizontal_flip=True)
    images, labels = two_replicas.experimental_distribute_dataset(dataset).element_spec
    assert [spec.shape for spec in tf.nest.flatten(images, expand_composites=True)] == [[5, 8, 8, 1]] * 2
    assert [spec.shape for spec in tf.nest.flatten(labels, expand_composites=True)] == [[5]] * 2
    _, once = load_dataset(tiny_data, "train", batch_size=10, cache=cache, repeat=False)
    assert once.element_spec[0].shape == [10, 8, 8, 1] and len(list(once)) == 4  # Of 48 images.


def test_one_call_from_the_host_for_several_steps(two_replicas):
    """On a TPU each call of the graph is a way to the device and back; steps within one call are a loop in the graph."""
    with two_replicas.scope():
        gan = make_gan()
        gan.compile(steps_per_execution=3)
    called = []
    run_steps = gan.make_train_function()

    def count(iterator):
        called.append(int(gan.steps.numpy()))
        return run_steps(iterator)

    gan.train_function = count
    gan.fit(np.zeros([24, 4, 4, 1], "float32"), batch_size=4, shuffle=False, verbose=0)
    assert called == [0, 3] and int(gan.steps.numpy()) == 6
    assert int(gan.examples_seen.numpy()) == 24
