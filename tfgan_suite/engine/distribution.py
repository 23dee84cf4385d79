"""Where training runs: one device, several, a TPU, or several machines."""

import contextlib
import json
import os

import tensorflow as tf

from tfgan_suite.foundation.choices import STRATEGIES
from tfgan_suite.foundation.errors import UserError, unknown_name


def make_strategy(strategy="auto"):
    """Creates a `tf.distribute.Strategy` by name. Call this function before any other use of TensorFlow.

    Args:
        strategy: String, or a `tf.distribute.Strategy`, which is returned unchanged. The strings are
            `"auto"`: multiple workers if the environment variable `TF_CONFIG` names them, otherwise a TPU if one is
            present, otherwise all GPUs if there are several, otherwise a single device;
            `"mirrored"`: all GPUs of this machine or, without a GPU, all its logical CPUs;
            `"multi_worker"`: one process per machine, as configured in `TF_CONFIG`;
            `"tpu"`: the TPU named in the environment variable `TPU_NAME` or, if it is not set, the local TPU;
            `"none"`: a single device, no matter how many there are.

    Returns:
        A `tf.distribute.Strategy`. For a single device, TensorFlow's default strategy.

    Raises:
        UserError: If the name is unknown, if `TF_CONFIG` names no workers, or if no TPU is available for `"tpu"`.

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
                "The environment variable `TF_CONFIG` must name the workers. "
                f"Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')!r}. "
                'Set it to, for example, \'{"cluster": {"worker": ["10.0.0.1:5000", "10.0.0.2:5000"]}, "task": '
                '{"type": "worker", "index": 0}}\'.'
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
    """Number of workers in the cluster that `TF_CONFIG` describes; 0 if it describes none."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0
    try:
        cluster = json.loads(text).get("cluster", {})
        return len(cluster.get("worker", [])) + len(cluster.get("chief", []))
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        message = f"The environment variable `TF_CONFIG` must be JSON with a cluster. Received: TF_CONFIG={text!r}"
        raise UserError(message) from error


def _tpu_strategy():
    try:
        # "local" is a TPU attached to this machine.
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(
            f'`strategy="tpu"` needs a TPU, but none was found, or it does not respond: {error}. Set the environment '
            'variable `TPU_NAME` to the name of the TPU, or use `strategy="auto"`.'
        ) from error


def num_workers(strategy):
    """Number of processes that train together."""
    return getattr(strategy.extended, "_num_workers", 1)


def is_chief(strategy):
    """Whether this process is the one that writes files: the first worker, or the only process."""
    resolver = strategy.cluster_resolver
    if num_workers(strategy) == 1 or resolver is None:
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief" or not has_chief and resolver.task_type == "worker" and resolver.task_id == 0


class AnyWorker:
    """Determines whether a condition holds on any worker. All workers must call it at the same step.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Call arguments:
        here: Boolean. Whether the condition holds on this worker.

    Returns:
        Boolean, the same on all workers.
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
    """Turns TensorFlow's error about a lost worker into one that says what to do.

    Args:
        strategy: A `tf.distribute.Strategy`.
        run_dir: String or path. Directory of the training run, named in the error message.

    Raises:
        UserError: If a collective operation fails while several workers are training.
    """
    try:
        yield
    except _SIGNS_OF_A_LOSS as error:
        if num_workers(strategy) == 1:
            raise
        raise UserError(
            f"Another worker has stopped or cannot be reached: {str(error).splitlines()[0]} Restart all workers with "
            f"the same commands to resume from the newest checkpoint in {run_dir}."
        ) from error
