"""KerasLoop: how Keras's `fit`, `evaluate` and `save` work on a model with several networks, optimizers and replicas."""

import types
from pathlib import Path

import keras
import tensorflow as tf

from tfgan_suite.engine.data_checks import DataChecks
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.keras_files import FileInMemory
from tfgan_suite.foundation.microbatches import copies_of_batch
from tfgan_suite.generative.generative_model import GenerativeModel


class KerasLoop(GenerativeModel):
    """The part of `TrainedModel` that Keras's own loops call: what is logged, the checks of the data, files of weights."""

    refuses_out_of_range = False
    passed_on = ("dtype",)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._trackers = types.MappingProxyType({})
        object.__setattr__(self, "_data_checks", DataChecks(self))  # No part of the model that is saved.

    # === What is logged ===

    def track(self, objective):
        """Logs the losses and logs of an `Objective`."""
        copies = copies_of_batch()
        for name, values in (objective.losses | objective.logs).items():
            self.track_value(name, values, None if copies == 1 else tf.fill(tf.shape(values), 1 / copies))

    def track_value(self, name, values, weights=None):
        """Logs the mean of values over a tick, under a name that an update or `extra_logs` names."""
        if name not in self._trackers:
            raise ValueError(
                f"`logs` of an update must name everything that it logs. It names {sorted(self._trackers)}. Received: "
                f"{name!r}"
            )
        self._trackers[name].update_state(values, weights)

    @property
    def metrics(self):
        return list(self._trackers.values())

    def get_metrics_result(self):
        """The means of a tick so far. `loss`, which Keras's callbacks monitor, is the sum of all that begin with `loss/`."""
        return with_total({name: tracker.result() for name, tracker in self._trackers.items()})

    def _flatten_metrics_in_order(self, logs):
        """What `evaluate` and `train_on_batch` return as a list: `loss` first, as from any Keras model."""
        order = {name: index for index, name in enumerate(["loss", *self._trackers])}
        values = [logs[name] for name in sorted(logs, key=lambda name: order.get(name, len(order)))]
        return values[0] if len(values) == 1 else values

    def _get_metrics_result_or_logs(self, logs):
        """Over all replicas: what a step inside a replica returns is of its own examples."""
        means = {name: self._trackers[name].result() for name in logs if name in self._trackers}
        return {**logs, **with_total(means)} if means else logs

    # === Keras's loops ===

    def fit(self, x=None, y=None, *args, **kwargs):
        """As Keras's. What the data hold is checked as they are read.

        Args:
            x: Examples in the form that models take, for images float in [-1, 1]; an array, a `tf.data.Dataset` of
                `examples` or `(examples, labels)`, or any other of Keras's data sets.
            y: Labels of an array `x`: integers from 0 to `num_classes - 1`, of shape `[count]` or `[count, 1]`.
            *args: Further arguments of Keras's `fit`.
            **kwargs: Likewise.

        Raises:
            UserError: Examples of the first batch lie outside of that range, or a label is none of these.
        """
        self._data_checks.check_arrays(x, y)
        validation = keras.utils.unpack_x_y_sample_weight(kwargs.get("validation_data"))
        self._data_checks.check_arrays(*validation[:2])
        with self._data_checks.told():
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As Keras's, with the checks of `fit`."""
        self._data_checks.check_arrays(x, y)
        with self._data_checks.told():
            return super().evaluate(x, y, *args, **kwargs)

    def train_on_batch(self, *args, **kwargs):
        """As Keras's, on one replica.

        Raises:
            ValueError: There are several: a batch that was not divided would be trained on by each of them.
        """
        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError(
                "`train_on_batch` must be called without a distribution strategy. With one use `fit`, which divides batches."
            )
        return super().train_on_batch(*args, **kwargs)

    def make_train_function(self, force=False):
        """Under a strategy, a loop around `train_step`: Keras's own runs it inside a replica, and only singly."""
        if self._distribute_strategy is None:
            return super().make_train_function(force)
        if self.train_function is not None and not force:
            return self.train_function
        if self.jit_compile:
            raise ValueError("`jit_compile` must be False under a distribution strategy. Received: jit_compile=True")

        # As Keras does: AutoGraph has nothing to convert in the step, and takes most of the time of tracing to see it.
        train_step = tf.autograph.experimental.do_not_convert(self.train_step)

        @tf.function(reduce_retracing=True)
        def run_steps(iterator):
            with self.distribute_strategy.scope():
                if self.steps_per_execution == 1:
                    return train_step(next(iterator))
                for _ in tf.range(self.steps_per_execution):
                    # Steps that overlap would mix up what the replicas exchange.
                    tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                    train_step(next(iterator))
                return self.get_metrics_result()

        self.train_function = run_steps
        return run_steps

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Keras's hook on the data before the first step. The networks are built already: the data are checked."""
        if iterator is None:
            self._data_checks.check_batch(data_batch)
        else:
            self._data_checks.follow(iterator)

    # === Files ===

    def save(self, filepath, *args, **kwargs):
        """As Keras's, to a `.keras` file; how the model was trained is part of it. The file appears whole or not at all.

        Raises:
            ValueError: Another format, which would lose some of that.
        """
        if not str(filepath).endswith(".keras"):
            raise ValueError(
                f"`filepath` of a {type(self).__name__} must end in .keras. Received: filepath={str(filepath)!r}. For a "
                "SavedModel that serves, use `tfgan_suite.export_saved_model`."
            )
        file = FileInMemory(Path(filepath).name)
        super().save(file, *args, **kwargs)
        write_atomically(filepath, file.getbuffer())

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """As Keras's, for a model of the same architecture.

        Raises:
            UserError: `skip_mismatch`: a weights file numbers blocks, so those of another resolution would be mixed up.
        """
        if skip_mismatch:
            raise UserError(
                "`skip_mismatch` must be False: a weights file numbers blocks, and those of another resolution would take each "
                "other's place. Use `model.initialize_from(tfgan_suite.load_model(path))`, which goes by their names."
            )
        return super().load_weights(filepath, **kwargs)


def with_total(results):
    """The same dict of logged values with their total `loss` first, unless one of them has that name."""
    losses = [value for name, value in results.items() if name.startswith("loss/")]
    return results if not losses or "loss" in results else {"loss": sum(losses), **results}
