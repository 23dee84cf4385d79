"""One record of a run: a JSON line a tick, and the same numbers in TensorBoard."""

import json
import time

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.hyperparameters import model_hyperparameters
from tfgan_suite.callbacks.scalar_descriptions import describe_scalar
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.files import append_line, write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.paths import local_path


class TrainingLog(keras.callbacks.Callback):
    """Writes every number of a tick to `history.jsonl` and to TensorBoard, against the examples seen.

    Adds `examples_per_second` (without the first step of a fit, which builds the graph) and `seconds` (since the run began,
    over all its restarts). TensorBoard also gets the hyperparameters, which are those of the model and its optimizers and what
    is passed, and the graph that samples.

    Args:
        path: String. Path of `history.jsonl`. Lines past the restored state are dropped when a run resumes.
        log_dir: String. TensorBoard directory.
        hyperparameters: Flat dict of str, int, float or bool, shown in TensorBoard's HParams tab besides the model's own.
    """

    def __init__(self, path, log_dir, hyperparameters=None):
        super().__init__()
        self.path = local_path(path)
        self.event_log = EventLog(log_dir)
        self.hyperparameters = hyperparameters or {}

    def on_train_begin(self, logs=None):
        examples_seen = int(np.asarray(self.model.examples_seen))
        rows = [row for row in read_history(self.path) if row["examples_seen"] <= examples_seen]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in rows))
        self._seconds_before = rows[-1].get("seconds", 0.0) if rows else 0.0
        self._train_begin = time.perf_counter()
        self._traced = False
        if examples_seen == 0:
            self._write_hyperparameters()
            self._write_graph()

    def _write_hyperparameters(self):
        from tensorboard.plugins.hparams import api as hparams

        passed = {
            key: value for key, value in self.hyperparameters.items() if isinstance(value, str | int | float | bool)
        }
        with self.event_log.writing():
            hparams.hparams({**model_hyperparameters(self.model), **passed})

    def _write_graph(self):
        sample = tf.function(lambda count, seed: self.model.sample(count, seed), autograph=False)
        concrete = sample.get_concrete_function(tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64))
        with self.event_log.writing():
            tf.summary.graph(concrete.graph.as_graph_def())

    def on_epoch_begin(self, epoch, logs=None):
        self._start_clock()

    def _start_clock(self):
        self._clock = time.perf_counter()
        self._clock_examples = int(np.asarray(self.model.examples_seen))

    def on_train_batch_end(self, batch, logs=None):
        if not self._traced:
            self._traced = True
            self._start_clock()

    def on_epoch_end(self, epoch, logs=None):
        examples_seen = int(np.asarray(self.model.examples_seen))
        elapsed = time.perf_counter() - self._clock
        if examples_seen > self._clock_examples:
            logs["examples_per_second"] = (examples_seen - self._clock_examples) / elapsed
        row = {name: float(value) for name, value in logs.items()}
        row = {
            "examples_seen": examples_seen,
            "seconds": self._seconds_before + time.perf_counter() - self._train_begin,
            **row,
        }
        append_line(self.path, json.dumps(row))
        with self.event_log.writing():
            for name, value in row.items():
                tf.summary.scalar(name, value, step=examples_seen, description=describe_scalar(name))
