"""Checkpoints that survive a kill at any moment, and restore a run bit for bit."""

import json
import os
import signal
from pathlib import Path

import keras
import numpy as np

from tfgan_suite.errors import UserError
from tfgan_suite.files import file_sha256, write_atomically


class TrainingInterrupted(UserError):
    """Training was stopped by a signal; its state was saved first.

    Attributes:
        exit_code: 128 plus the signal's number, as shells have it.
    """

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class Checkpointing(keras.callbacks.Callback):
    """Saves the whole state at the end of ticks, and when the process is asked to stop.

    The state is every variable of the model, of both optimizers, of the averaged generator and of penalties and
    augmentation, and the counters, from which random draws and the position in the data follow. A checkpoint is a
    weights file and, written after it, a JSON file with its SHA-256: one that was cut short has no valid JSON beside
    it and is passed over.

    Args:
        directory: Where checkpoints go, `<images seen>.weights.h5` each.
        every_ticks: Ticks (Keras epochs) from one checkpoint to the next.
        keep: How many of the newest to keep.
        handle_signals: Whether SIGTERM and Ctrl-C save before they stop.

    Example:

    >>> checkpointing = Checkpointing("runs/digits/checkpoints")
    >>> images_seen = checkpointing.restore(gan)  # 0 in a new run
    """

    def __init__(self, directory, every_ticks=1, keep=3, handle_signals=True):
        super().__init__()
        self.directory = Path(directory)
        self.every_ticks = every_ticks
        self.keep = keep
        self.handle_signals = handle_signals
        self._received_signal = None
        self._previous_handlers = {}

    def restore(self, model):
        """Loads the newest whole checkpoint into a compiled model, and returns its count of images; 0 if none.

        Raises:
            UserError: There is a checkpoint, but of another architecture.
        """
        for weights_path in sorted(self.directory.glob("*.weights.h5"), reverse=True):
            manifest = _valid_manifest(weights_path)
            if manifest is None:
                continue
            try:
                model.load_weights(weights_path)
            except ValueError as error:
                raise UserError(
                    f"The checkpoint {weights_path} does not fit this model: {str(error).splitlines()[0]} "
                    "Use the architecture and optimizers of that run, or another run directory."
                ) from error
            images_seen = int(np.asarray(model.images_seen))
            if images_seen != manifest["images_seen"]:
                raise UserError(
                    f"The checkpoint {weights_path} did not restore the counters: expected images_seen="
                    f"{manifest['images_seen']}. Received: {images_seen}. Compile the model before restoring."
                )
            return images_seen
        return 0

    def save(self):
        """Saves now, unless this state is saved already. Returns the path of the weights file."""
        images_seen = int(np.asarray(self.model.images_seen))
        path = self.directory / f"{images_seen:012d}.weights.h5"
        if _valid_manifest(path) is not None:
            return path
        self._require_finite(images_seen)
        self.directory.mkdir(parents=True, exist_ok=True)
        temporary = self.directory / f".{path.name.removesuffix('.weights.h5')}.{os.getpid()}.tmp.weights.h5"
        try:
            self.model.save_weights(temporary)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            manifest = {"images_seen": images_seen, "sha256": file_sha256(temporary), "bytes": temporary.stat().st_size}
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        write_atomically(_manifest_path(path), json.dumps(manifest) + "\n")
        self._remove_old()
        return path

    def _require_finite(self, images_seen):
        from tfgan_suite.callbacks.stop_on_non_finite import NonFiniteError

        for variable in self.model.variables:
            value = np.asarray(variable)
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise NonFiniteError(variable.path, images_seen, self.newest())

    def newest(self):
        """Path of the newest whole checkpoint, or `None`."""
        for path in sorted(self.directory.glob("*.weights.h5"), reverse=True):
            if _valid_manifest(path) is not None:
                return path
        return None

    def _remove_old(self):
        paths = sorted(self.directory.glob("*.weights.h5"))
        for path in paths[: -self.keep]:
            _manifest_path(path).unlink(missing_ok=True)
            path.unlink()

    def on_train_begin(self, logs=None):
        self._received_signal = None
        for leftover in self.directory.glob(".*.tmp.weights.h5"):
            leftover.unlink()  # Of a run that was killed while it saved.
        if self.handle_signals:
            for number in (signal.SIGTERM, signal.SIGINT):
                try:
                    self._previous_handlers[number] = signal.signal(number, self._on_signal)
                except ValueError:  # Only the main thread may handle signals; elsewhere they stay as they are.
                    break

    def _on_signal(self, number, frame):
        if self._received_signal == number:  # Asked twice: stop without waiting for the step.
            signal.signal(number, self._previous_handlers.get(number, signal.SIG_DFL))
            signal.raise_signal(number)
        self._received_signal = number

    def on_train_batch_end(self, batch, logs=None):
        if self._received_signal is not None:
            number = self._received_signal
            path = self.save()
            self._restore_handlers()
            raise TrainingInterrupted(
                f"Stopped by {signal.Signals(number).name} after {int(np.asarray(self.model.images_seen)):,} images. "
                f"The state is saved in {path}. Run the same command again to go on.",
                number,
            )

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            self.save()

    def on_train_end(self, logs=None):
        self.save()
        self._restore_handlers()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}


def _manifest_path(weights_path):
    return weights_path.with_name(weights_path.name.replace(".weights.h5", ".json"))


def _valid_manifest(weights_path):
    """The manifest of a whole checkpoint; `None` if it is missing, unreadable, or of other bytes."""
    manifest_path = _manifest_path(weights_path)
    if not weights_path.exists() or not manifest_path.exists():
        return None
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return None
    whole = manifest.get("bytes") == weights_path.stat().st_size and manifest.get("sha256") == file_sha256(weights_path)
    return manifest if whole else None
