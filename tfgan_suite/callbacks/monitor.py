"""Monitor: what all monitors have in common: rules, alerts, actions, a state that is saved."""

import copy
import dataclasses
import json
import sys

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.actions import Note
from tfgan_suite.engine.alerts import Alert
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import from_fields, read_json_lines
from tfgan_suite.foundation.terminal import printable


class Monitor(keras.callbacks.Callback):
    """Measures at the end of ticks, judges by rules, and acts on alerts.

    Measurements go into the logs, and so into `history.jsonl` and TensorBoard, with `alert/<rule>` = 1 while an alert
    stands. An alert is printed, written to `alerts.jsonl`, and shown among TensorBoard's texts. Actions are taken at the
    beginning of the next tick, when this one is logged and saved.

    With `Checkpointing(companions=[monitor, ...])` the state is saved with the model's, so that a resumed run raises the
    alerts that it would have raised without the interruption. Measuring changes nothing in training.

    Args:
        rules: List of `Rule`, or `None` for those that `default_rules` returns for the model.
        actions: List of actions, see `callbacks.actions`; by default `[Note()]`.
        log_dir: String. TensorBoard directory, or `None`.
        alerts_path: String. Path of `alerts.jsonl`, or `None`. Several monitors may share it.
        stream: Where alerts are printed; by default the standard output at the time.
    """

    name = "monitor"

    def __init__(self, rules=None, actions=None, log_dir=None, alerts_path=None, stream=None):
        super().__init__()
        self.rules = None if rules is None else list(rules)
        self.actions = [Note()] if actions is None else list(actions)
        self.event_log = None if log_dir is None else EventLog(log_dir)
        self.alerts_path = None if alerts_path is None else local_path(alerts_path)
        self.stream = stream
        self.alerts = []
        self.calm_images = 0
        self._pending = []
        self._rule_states = {rule.name: {} for rule in self.rules or ()}
        self._begun = False

    def default_rules(self, model):
        """The rules for a model if none were given, a list of `Rule`."""
        return []

    def measure(self, logs):
        """Measurements by name, a dict of floats, those that are to be judged now; or `None` for none."""
        raise NotImplementedError

    # === State, saved with the model's ===

    def get_state(self):
        """All that the monitor remembers, as JSON values."""
        return {
            "alerts": [dataclasses.asdict(alert) for alert in self.alerts],
            "pending": [dataclasses.asdict(alert) for alert in self._pending],
            "calm_images": self.calm_images,
            "rules": copy.deepcopy(self._rule_states),
        }

    def set_state(self, state):
        """Restores what `get_state` returned; rules that were not there start afresh."""
        self.alerts = [Alert.from_row(row) for row in state["alerts"]]
        self._pending = [Alert.from_row(row) for row in state["pending"]]
        self.calm_images = state["calm_images"]
        self._rule_states = {rule.name: copy.deepcopy(state["rules"].get(rule.name, {})) for rule in self.rules}

    # === What Keras calls ===

    def set_model(self, model):
        super().set_model(model)
        if self.rules is None:
            self.rules = list(self.default_rules(model))
            self._rule_states = {rule.name: {} for rule in self.rules}

    def on_train_begin(self, logs=None):
        self._begun = False

    def on_epoch_begin(self, epoch, logs=None):
        if not self._begun:  # Not before: companions get their state back at the beginning of training.
            self._begun = True
            self._write_alerts()
            for action in self.actions:
                action.begin(self.model)
        pending, self._pending = self._pending, []
        for alert in pending:
            for action in self.actions:
                self.record(alert, action(self, alert))

    def on_epoch_end(self, epoch, logs=None):
        values = self.measure(logs)
        if values is None:
            return
        examples_seen = int(np.asarray(self.model.examples_seen))
        alerts = []
        for rule in self.rules:
            value = values.get(rule.measurement)
            if value is not None and np.isfinite(value):
                alert = rule.judge(self._rule_states[rule.name], float(value), examples_seen)
                if alert:
                    alerts.append(dataclasses.replace(alert, unit=self.model.spec.unit[1]))
        if not any(state.get("streak") for state in self._rule_states.values()):
            self.calm_images = examples_seen
        logs.update(values)
        logs.update({f"alert/{name}": 1.0 for name, state in self._rule_states.items() if state.get("raised")})
        for alert in alerts:
            self.add(alert)
        self._pending += alerts

    def add(self, alert):
        """Adds an alert and shows it."""
        self.alerts.append(alert)
        self._print(f"! {alert}")
        if self.event_log is not None:
            with self.event_log.writing():
                tf.summary.text(
                    f"alert/{alert.rule}",
                    str(alert),
                    step=alert.examples_seen,
                    description="What a rule of a monitor found, and what to try.",
                )
        self._write_alerts()

    def record(self, alert, what_was_done):
        """Notes with an alert what an action did; `None` for nothing worth reporting."""
        if what_was_done is None:
            return
        self._print(f"  -> {what_was_done}")
        for index, other in enumerate(self.alerts):
            if (other.rule, other.examples_seen) == (alert.rule, alert.examples_seen):
                self.alerts[index] = dataclasses.replace(other, actions=(*other.actions, what_was_done))
        self._write_alerts()

    # === Showing ===

    def _print(self, text):
        stream = self.stream or sys.stdout
        stream.write(
            ("\r\x1b[K" if stream.isatty() else "") + printable(text) + "\n"
        )  # Over a line of `Progress` that moves.
        stream.flush()

    def _write_alerts(self):
        """The file is a copy of the state: after a kill, alerts past the restored state are gone from it."""
        if self.alerts_path is None:
            return
        rows = [row for row in read_alerts(self.alerts_path) if row["monitor"] != self.name]
        rows += [{"monitor": self.name, **dataclasses.asdict(alert)} for alert in self.alerts]
        if rows or self.alerts_path.exists():
            rows.sort(key=lambda row: row["examples_seen"])
            self.alerts_path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.alerts_path, "".join(json.dumps(row) + "\n" for row in rows))


def read_alerts(path):
    """Reads an `alerts.jsonl`.

    Args:
        path: String. Path of the file.

    Returns:
        The rows, a list of dicts, with `examples_seen` also where version 0.1 said `images_seen`; none without a file. Lines
        that are damaged are left out.
    """
    rows = read_json_lines(path, {"monitor": str})
    rows = [{("examples_seen" if key == "images_seen" else key): value for key, value in row.items()} for row in rows]
    return [row for row in rows if _is_alert({key: value for key, value in row.items() if key != "monitor"})]


def _is_alert(values):
    try:
        from_fields(Alert, values)
    except (TypeError, UserError):
        return False
    return True
