"""Where training runs: one device, several, a TPU, or several machines."""

import contextlib
import json
import os

import tensorflow as tf

from tfgan_suite.foundation.choices import STRATEGIES
from tfgan_suite.foundation.errors import UserError, unknown_name


def make_strategy(strategy="auto"):
    """A `tf.distribute.Strategy` by name. Call it before anything else is done with TensorFlow.

    Args:
        strategy: One of
            `"auto"`: several workers if the environment variable `TF_CONFIG` names them, else a TPU if there is one,
            else all GPUs if there are several, else the one device;
            `"mirrored"`: all GPUs of this machine, or its logical CPUs;
            `"multi_worker"`: one process a machine, as `TF_CONFIG` says;
            `"tpu"`: the TPU of this machine, or the one that the environment variable `TPU_NAME` names;
            `"none"`: the one device, whatever there is. Or a `tf.distribute.Strategy`, which is returned as it is.

    Returns:
        A `tf.distribute.Strategy`; for one device TensorFlow's default one.

    Raises:
        UserError: An unknown name, a `TF_CONFIG` that names no workers, or no TPU where one was asked for.

    Example:

    >>> strategy = make_strategy("none")
    >>> with strategy.scope():
    ...     gan = tg.DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> strategy.num_replicas_in_sync
    1

    Reference: https://www.tensorflow.org/guide/distributed_training
    """
    if isinstance(strategy, tf.distribute.Strategy):
        return strategy
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, STRATEGIES)
    if strategy == "auto":
        strategy = _what_there_is()
    if strategy == "multi_worker":
        if _number_of_workers() < 1:
            raise UserError(
                'Expected the environment variable TF_CONFIG to name the workers, such as \'{"cluster": {"worker": '
                '["10.0.0.1:5000", "10.0.0.2:5000"]}, "task": {"type": "worker", "index": 0}}\'. '
                f"Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')!r}"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if strategy == "tpu":
        return _tpu_strategy()
    if strategy == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
    return tf.distribute.get_strategy()


def _what_there_is():
    if _number_of_workers() > 1:
        return "multi_worker"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _number_of_workers():
    """Of the cluster that `TF_CONFIG` describes; 0 if it describes none."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0
    try:
        cluster = json.loads(text).get("cluster", {})
        return len(cluster.get("worker", [])) + len(cluster.get("chief", []))
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        message = f"Expected JSON with a cluster in the environment variable TF_CONFIG. Received: {text!r}"
        raise UserError(message) from error


def _tpu_strategy():
    try:
        # "local" is a TPU that is attached to this machine.
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(
            f'Expected a TPU for strategy="tpu"; there is none, or it does not answer: {error}. Name it in the environment '
            'variable TPU_NAME, or use strategy="auto".'
        ) from error


def num_workers(strategy):
    """Processes that train together."""
    return getattr(strategy.extended, "_num_workers", 1)


def is_chief(strategy):
    """Whether this process is the one that writes: the first worker, or the only process."""
    resolver = strategy.cluster_resolver
    if num_workers(strategy) == 1 or resolver is None:
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief" or not has_chief and resolver.task_type == "worker" and resolver.task_id == 0


class AnyWorker:
    """Asks all workers whether something is the case at one of them. All of them call it at the same step.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Call: a bool to a bool, the same one at all workers.
    """

    def __init__(self, strategy):
        self.strategy = strategy
        self._sum = None

    def __call__(self, here):
        if num_workers(self.strategy) == 1:
            return here
        if self._sum is None:
            self._sum = tf.function(
                lambda value: self.strategy.reduce(
                    tf.distribute.ReduceOp.SUM, self.strategy.run(tf.identity, args=(value,)), axis=None
                )
            )
        return float(self._sum(tf.constant(float(here)))) > 0.0


_SIGNS_OF_A_LOSS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
    tf.errors.UnknownError,
)


@contextlib.contextmanager
def worker_loss_explained(strategy, run_dir):
    """Turns TensorFlow's error about a worker that has gone into one that says what to do.

    Raises:
        UserError: A collective failed while several workers trained.
    """
    try:
        yield
    except _SIGNS_OF_A_LOSS as error:
        if num_workers(strategy) == 1:
            raise
        raise UserError(
            f"Another worker has gone, or cannot be reached: {str(error).splitlines()[0]} Start all workers again with "
            f"the same commands: they go on from the newest checkpoint in {run_dir}."
        ) from error
