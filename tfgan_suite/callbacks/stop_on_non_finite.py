"""Stops a run whose numbers are no longer numbers, before it overwrites the last good state."""

import keras
import numpy as np

from tfgan_suite.errors import UserError


class NonFiniteError(UserError):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, name, images_seen, checkpoint):
        kept = f"The last good state is kept in {checkpoint}." if checkpoint else "No good state had been saved yet."
        super().__init__(
            f"{name} is not finite after {images_seen:,} images, so training stopped. {kept} What to try, in this "
            "order: half the learning rates; an R1 penalty (penalties.R1(weight=1.0)); a larger batch; float32 "
            "instead of mixed precision."
        )


class StopOnNonFinite(keras.callbacks.Callback):
    """Looks at the logged losses after each step, and raises `NonFiniteError` at the first that is not finite.

    Put it before `Checkpointing`, so that a bad state is never saved.

    Args:
        checkpointing: The run's `Checkpointing`, which knows the last good state; or `None`.
    """

    def __init__(self, checkpointing=None):
        super().__init__()
        self.checkpointing = checkpointing

    def on_train_batch_end(self, batch, logs=None):
        for name, value in (logs or {}).items():
            if not np.isfinite(float(value)):
                checkpoint = self.checkpointing.newest() if self.checkpointing else None
                raise NonFiniteError(name, int(np.asarray(self.model.images_seen)), checkpoint)
