"""Stops a run whose numbers are no longer numbers, before it overwrites the last good state."""

import keras
import numpy as np

from tfgan_suite.callbacks.alerts import Alert
from tfgan_suite.foundation.errors import UserError

NETWORKS = ("generator", "discriminator")


_ADVICE = (
    "half the learning rates; an R1 penalty (penalties.R1(weight=1.0)); a larger batch; float32 instead of mixed "
    "precision."
)


class NonFiniteError(UserError):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, name, images_seen, checkpoint):
        kept = f"The last good state is kept in {checkpoint}." if checkpoint else "No good state had been saved yet."
        super().__init__(
            f"{name} is not finite after {images_seen:,} images, so training stopped. {kept} What to try, in this "
            f"order: {_ADVICE}"
        )


class StopOnNonFinite(keras.callbacks.Callback):
    """Looks at the logged losses after each step, and raises `NonFiniteError` at the first that is not finite.

    A step that a `GradientGuard` left out is no such case: its losses are taken out of the tick's means, which then cover
    the steps after it, and `skipped_updates/generator` and `.../discriminator` in the logs count such updates. Many in
    a row are: then the weights or moving means themselves are broken.

    Put it before `Checkpointing`, so that a bad state is never saved.

    Args:
        checkpointing: The run's `Checkpointing`, which knows the last good state; or `None`.
        roll_back: An `actions.RollBack` to go back to that state instead of stopping, as often as it allows; or `None`.
        monitor: The `Monitor` that keeps the alert of a roll-back, or `None`.
        most_skipped_in_a_row: Updates that a guard may leave out one after the other.
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
                del logs[tracker.name]

    def on_epoch_end(self, epoch, logs=None):
        for tracker in self.model.metrics:
            if tracker.name in self._taken_out and float(np.asarray(tracker.count)) == 0.0:
                del logs[tracker.name]  # The tick ended with steps that were left out: there is no mean.
        logs.update({f"skipped_updates/{name}": float(count) for name, count in skipped_updates(self.model).items()})

    def _fail(self, name):
        images_seen = int(np.asarray(self.model.examples_seen))
        checkpoint = self.checkpointing.newest() if self.checkpointing else None
        error = NonFiniteError(name, images_seen, checkpoint)
        if self.roll_back is None or checkpoint is None or self.roll_back.times >= self.roll_back.most_times:
            raise error
        alert = Alert("not_finite", name, None, None, images_seen, "A loss is no longer a number.", _ADVICE)
        if self.monitor is not None:
            self.monitor.add(alert)
        self.roll_back.go_back(self.model, alert, monitor=self.monitor)


def guards(model):
    """The optimizers that leave out bad updates, by network; none for a model without."""
    optimizers = {name: getattr(model, f"{name}_optimizer", None) for name in NETWORKS}
    for name, optimizer in optimizers.items():
        if not hasattr(optimizer, "skipped_updates"):  # The guard may be inside of Keras's loss scaling.
            optimizers[name] = getattr(optimizer, "inner_optimizer", None)
    return {name: one for name, one in optimizers.items() if hasattr(one, "skipped_updates")}


def skipped_updates(model):
    """Updates left out so far, by network; `{}` without a guard."""
    return {name: int(np.asarray(guard.skipped_updates)) for name, guard in guards(model).items()}
