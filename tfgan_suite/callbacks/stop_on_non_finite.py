"""Stops a run whose numbers are no longer finite, before it overwrites the last good state."""

import keras
import numpy as np

from tfgan_suite.engine.alerts import Alert
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.foundation.errors import UserError

_ADVICE = (
    "half the learning rates; for a GAN an R1 penalty (penalties.R1(weight=1.0)); a larger batch; float32 instead of mixed "
    "precision."
)


class NonFiniteError(UserError):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, name, examples_seen, checkpoint, unit="images"):
        kept = f"The last good state is kept in {checkpoint}." if checkpoint else "No good state had been saved yet."
        super().__init__(
            f"{name} is not finite after {examples_seen:,} {unit}, so training stopped. {kept} What to try, in this "
            f"order: {_ADVICE}"
        )


class StopOnNonFinite(keras.callbacks.Callback):
    """Looks at the logged losses after each step, and raises `NonFiniteError` at the first that is not finite.

    A step that a `GradientGuard` left out does not count: its losses are taken out of the tick's means, which then cover the
    steps after it, and `skipped_updates/<optimizer>` in the logs counts such updates. Many in a row do count, since then the
    weights or moving means themselves are broken.

    Put it before `Checkpointing`, so that a bad state is never saved.

    Args:
        checkpointing: The run's `Checkpointing`, which knows the last good state; or `None`.
        roll_back: An `actions.RollBack` to go back to that state instead of stopping, as often as it allows; or `None`.
        monitor: The `Monitor` that keeps the alert of a rollback, or `None`.
        most_skipped_in_a_row: Integer. Updates that a guard may leave out one after the other.
    """

    def __init__(self, checkpointing=None, roll_back=None, monitor=None, most_skipped_in_a_row=20):
        super().__init__()
        self.checkpointing = checkpointing
        self.roll_back = roll_back
        self.monitor = monitor
        self.most_skipped_in_a_row = most_skipped_in_a_row
        self._skipped = {}
        self._taken_out = set()

    def on_epoch_begin(self, epoch, logs=None):
        self._skipped = skipped_updates(self.model)
        self._taken_out = set()

    def on_train_batch_end(self, batch, logs=None):
        broken = [name for name, value in (logs or {}).items() if not np.isfinite(float(value))]
        if not broken:
            return
        skipped = skipped_updates(self.model)
        in_a_row = [int(np.asarray(guard.skipped_in_a_row)) for guard in guards(self.model).values()]
        if skipped == self._skipped or max(in_a_row) > self.most_skipped_in_a_row:
            self._fail(broken[0])
        self._skipped = skipped
        self._taken_out.update(broken)
        for tracker in self.model.metrics:
            if tracker.name in broken:
                tracker.reset_state()
        for name in broken:  # Some, such as the total loss, are worked out of others and have no tracker.
            del logs[name]

    def on_epoch_end(self, epoch, logs=None):
        for tracker in self.model.metrics:
            if tracker.name in self._taken_out and float(np.asarray(tracker.count)) == 0.0:
                # The tick ended with steps that were left out: there is no mean, and no total of them.
                logs.pop(tracker.name, None)
                logs.pop("loss", None)
        logs.update({f"skipped_updates/{name}": float(count) for name, count in skipped_updates(self.model).items()})

    def _fail(self, name):
        examples_seen, unit = int(np.asarray(self.model.examples_seen)), self.model.spec.unit[1]
        checkpoint = self.checkpointing.newest() if self.checkpointing else None
        error = NonFiniteError(name, examples_seen, checkpoint, unit)
        if self.roll_back is None or checkpoint is None or self.roll_back.times >= self.roll_back.most_times:
            raise error
        alert = Alert(
            "not_finite", name, None, None, examples_seen, "A loss is no longer a number.", _ADVICE, unit=unit
        )
        if self.monitor is not None:
            self.monitor.add(alert)
        self.roll_back.go_back(self.model, alert, monitor=self.monitor)


def guards(model):
    """The optimizers that leave out bad updates, by name; none for a model without."""
    found = {}
    for name, optimizer in model.optimizers.items():
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):  # The guard may be inside of it.
            optimizer = optimizer.inner_optimizer
        if isinstance(optimizer, GradientGuard):
            found[name] = optimizer
    return found


def skipped_updates(model):
    """Updates left out so far, by name of the optimizer; `{}` without a guard."""
    return {name: int(np.asarray(guard.skipped_updates)) for name, guard in guards(model).items()}
