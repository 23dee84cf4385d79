"""Checkpointing: checkpoints that survive a kill at any moment, and restore a run bit for bit."""

import dataclasses
import hashlib
import json
import signal

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.monitor import Monitor
from tfgan_suite.callbacks.stop_on_non_finite import NonFiniteError
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import Lock, file_sha256, replaced_whole, write_atomically
from tfgan_suite.foundation.keras_files import FileInMemory
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import from_fields, read_json, reading

# Of the directories that this process trains into.
_LOCKS = {}


class TrainingInterrupted(UserError):
    """Training was stopped by a signal; its state was saved first.

    Attributes:
        exit_code: Integer. 128 plus the signal's number, as in shells.
    """

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class Checkpointing(keras.callbacks.Callback):
    """Saves the whole state at the end of ticks, and when the process is asked to stop.

    The state is every variable of the model: networks, averages, optimizers, penalties, augmentation, and the counters, from
    which random draws and the position in the data follow. A checkpoint is a weights file and, written after it, a JSON file
    with its SHA-256: one that was cut short has no valid JSON file and is skipped. The JSON also holds what companions
    remember and, within a tick, the means so far.

    Args:
        directory: String. Where checkpoints go, `<examples seen>.weights.h5` each.
        every_ticks: Integer. Ticks (Keras epochs) from one checkpoint to the next.
        keep: Integer. How many of the newest to keep.
        handle_signals: Boolean. Whether SIGTERM and Ctrl-C save before they stop.
        companions: List of objects whose state is saved in each checkpoint and restored on resume: monitors and actions.
            Each has its own `name`, `get_state()`, which returns JSON values, and `set_state(state)`.
        any_worker: A `distribution.AnyWorker`: a signal to one of several workers then stops all, at the same step.

    Raises:
        ValueError: Two companions of the same name.

    Example:

    >>> checkpointing = Checkpointing("runs/digits/checkpoints")
    >>> examples_seen = checkpointing.restore(gan)  # 0 in a new run
    """

    def __init__(self, directory, every_ticks=1, keep=3, handle_signals=True, companions=(), any_worker=None):
        super().__init__()
        names = [companion.name for companion in companions]
        if len(set(names)) < len(names):
            raise ValueError(f"`companions` must have different names. Received: {names}")
        self.directory = local_path(directory)
        self.every_ticks = every_ticks
        self.keep = keep
        self.handle_signals = handle_signals
        self.companions = list(companions)
        self.any_worker = any_worker or (lambda here: here)
        self._received_signal = None
        self._previous_handlers = {}
        self._means_so_far = {}

    def monitors(self):
        """Those of the companions that raise alerts."""
        return [companion for companion in self.companions if isinstance(companion, Monitor)]

    def has_checkpoint(self):
        """Whether there is a whole checkpoint."""
        return any(_valid_manifest(path) is not None for path in self.directory.glob("*.weights.h5"))

    def restore(self, model):
        """Loads the newest whole checkpoint into a compiled model, and returns its count of examples; 0 if none.

        Raises:
            UserError: There is a checkpoint, but of another architecture.
        """
        for weights_path in sorted(self.directory.glob("*.weights.h5"), reverse=True):
            manifest = _valid_manifest(weights_path)
            if manifest is not None:
                return _load(model, weights_path, manifest)
        return 0

    def go_back(self, model, examples_seen=None):
        """Loads the newest whole checkpoint of at most that many examples, or else the oldest, and removes later ones.

        Returns:
            Its count of examples.

        Raises:
            UserError: There is no checkpoint.
        """
        manifests = {path: _valid_manifest(path) for path in sorted(self.directory.glob("*.weights.h5"), reverse=True)}
        whole = {path: manifest for path, manifest in manifests.items() if manifest is not None}
        if not whole:
            raise UserError(f"There is no checkpoint in {self.directory} to go back to.")
        chosen = [path for path, one in whole.items() if examples_seen is None or one["examples_seen"] <= examples_seen]
        path = chosen[0] if chosen else list(whole)[-1]
        _load(model, path, whole[path])
        for later in manifests:
            if later > path:
                _remove(later)
        self._hand_out(whole[path])
        return whole[path]["examples_seen"]

    def save(self, again=False, within_tick=False):
        """Saves now, unless this state is saved already. Returns the path of the weights file.

        Args:
            again: Boolean. Whether to save even if there is a state of as many examples.
            within_tick: Boolean. Whether the tick continues from here, so that its means so far belong to the state.
        """
        examples_seen = int(np.asarray(self.model.examples_seen))
        path = self.directory / f"{examples_seen:012d}.weights.h5"
        remembered = {"companions": {companion.name: companion.get_state() for companion in self.companions}}
        if within_tick:
            # Sums over all replicas; what is assigned to them is shared out again.
            remembered["means_so_far"] = {
                one.name: [float(tf.convert_to_tensor(variable.value)) for variable in one.variables]
                for one in self.model.metrics
            }
        earlier = _valid_manifest(path)
        if earlier is not None and not again:
            write_atomically(_manifest_path(path), _manifest_text({**earlier, **remembered}))
            return path
        self._require_finite(examples_seen)
        weights = FileInMemory(path.name)
        self.model.save_weights(weights)
        manifest = {
            "examples_seen": examples_seen,
            "sha256": hashlib.sha256(weights.getbuffer()).hexdigest(),
            "bytes": len(weights.getbuffer()),
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        # Both are on the disk before either takes its place.
        with replaced_whole(_manifest_path(path)) as temporary:
            temporary.write_text(_manifest_text({**manifest, **remembered}), "utf-8")
            write_atomically(path, weights.getbuffer())
        self._remove_old()
        return path

    def _require_finite(self, examples_seen):
        for variable in self.model.variables:
            value = np.asarray(variable)
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise NonFiniteError(variable.path, examples_seen, self.newest(), self.model.spec.unit[1])

    def newest(self):
        """Path of the newest whole checkpoint, or `None`."""
        for path in sorted(self.directory.glob("*.weights.h5"), reverse=True):
            if _valid_manifest(path) is not None:
                return path
        return None

    def _remove_old(self):
        paths = sorted(self.directory.glob("*.weights.h5"))
        protected = set()
        if any(companion.name == "roll_back" for companion in self.companions):
            protected = {f"{monitor.calm_images:012d}.weights.h5" for monitor in self.monitors()}
        for path in paths[: -self.keep]:
            if path.name not in protected:
                _remove(path)

    def on_train_begin(self, logs=None):
        self._received_signal = None
        self._restore_handlers()  # Of a training that ended by an error.
        path = self.directory / f"{int(np.asarray(self.model.examples_seen)):012d}.weights.h5"
        self._lock()
        self._hand_out(_valid_manifest(path) or {})
        for leftover in self.directory.glob(".*.tmp*"):
            leftover.unlink()  # Of a run that was killed while it saved.
        if self.handle_signals:
            for number in (signal.SIGTERM, signal.SIGINT):
                try:
                    self._previous_handlers[number] = signal.signal(number, self._on_signal)
                except ValueError:  # Only the main thread may handle signals; elsewhere they stay as they are.
                    break

    def _lock(self):
        """Keeps other processes from training into the directory, until the training ends."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = (self.directory / ".lock").resolve()
        self._unlock()  # Of a training in this process that ended by an error.
        refusal = f"Another process trains into {self.directory}. Wait until it is done, or choose another directory."
        _LOCKS[path] = Lock(path, refusal)

    def _unlock(self):
        lock = _LOCKS.pop((self.directory / ".lock").resolve(), None)
        if lock is not None:
            lock.release()

    def _hand_out(self, manifest):
        """Restores what companions remembered in that state."""
        path, advice = (
            self.directory,
            "Remove the newest JSON file there: the run then goes on from an older checkpoint.",
        )
        with reading(path, "a directory of checkpoints of this version", advice):
            for companion in self.companions:
                if companion.name in manifest.get("companions", {}):
                    companion.set_state(manifest["companions"][companion.name])
        self._means_so_far = manifest.get("means_so_far", {})

    def on_epoch_begin(self, epoch, logs=None):
        # Keras has just reset the means; a tick that is resumed keeps those of its first part.
        for tracker in self.model.metrics:
            for variable, value in zip(tracker.variables, self._means_so_far.get(tracker.name, [])):
                variable.assign(value)
        self._means_so_far = {}

    def _on_signal(self, number, frame):
        if self._received_signal == number:  # Asked twice: stop without waiting for the step.
            signal.signal(number, self._previous_handlers.get(number, signal.SIG_DFL))
            signal.raise_signal(number)
        self._received_signal = number

    def on_train_batch_end(self, batch, logs=None):
        # After a tick's last step the stop waits for its end, so that the tick is logged.
        if batch + 1 != (self.params or {}).get("steps") and self._asked_to_stop():
            self._interrupt(within_tick=True)

    def _asked_to_stop(self):
        return self.any_worker(self._received_signal is not None)

    def _interrupt(self, within_tick):
        number = self._received_signal or signal.SIGTERM  # Another worker's, if not our own.
        path = self.save(within_tick=within_tick)
        self._restore_handlers()
        self._unlock()
        raise TrainingInterrupted(
            f"Stopped by {signal.Signals(number).name} after {int(np.asarray(self.model.examples_seen)):,} "
            f"{self.model.spec.unit[1]}. The state is saved in {path}. Run the same command again to resume.",
            number,
        )

    def on_epoch_end(self, epoch, logs=None):
        if self._asked_to_stop():
            self._interrupt(within_tick=False)
        if (epoch + 1) % self.every_ticks == 0:
            self.save()

    def on_train_end(self, logs=None):
        self.save()
        self._restore_handlers()
        self._unlock()

    def _restore_handlers(self):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}


def _load(model, weights_path, manifest):
    """Loads a checkpoint, and returns its count of examples."""
    try:
        model.load_weights(weights_path)
    except ValueError as error:
        raise UserError(
            f"The checkpoint {weights_path} does not fit this model: {str(error).splitlines()[0]} "
            "Use the architecture and optimizers of that run, or another run directory."
        ) from error
    examples_seen = int(np.asarray(model.examples_seen))
    if examples_seen != manifest["examples_seen"]:
        raise UserError(
            f"The checkpoint {weights_path} did not restore the counters: expected examples_seen="
            f"{manifest['examples_seen']}. Received: {examples_seen}. Compile the model before restoring."
        )
    return examples_seen


def _remove(weights_path):
    _manifest_path(weights_path).unlink(missing_ok=True)
    weights_path.unlink()


def _manifest_path(weights_path):
    return weights_path.with_name(weights_path.name.replace(".weights.h5", ".json"))


def _valid_manifest(weights_path):
    """The manifest of a whole checkpoint; `None` if it is missing, unreadable, or does not match the weights file."""
    manifest_path = _manifest_path(weights_path)
    if not weights_path.exists() or not manifest_path.exists():
        return None
    try:
        with reading(manifest_path, "the description of a checkpoint"):
            content = read_json(manifest_path, "the description of a checkpoint")
            if "digest" in content and content.pop("digest") != _digest(content):
                return None
            manifest = _of_this_version(content)
            described = from_fields(_Manifest, manifest)
    except UserError:
        return None
    if described.bytes != weights_path.stat().st_size or described.sha256 != file_sha256(weights_path):
        return None
    return manifest


@dataclasses.dataclass(frozen=True)
class _Manifest:
    """What a manifest holds. Its `digest` is that of all the rest."""

    examples_seen: int
    sha256: str
    bytes: int
    companions: dict[str, dict] = dataclasses.field(default_factory=dict)
    means_so_far: dict[str, list[float]] = dataclasses.field(default_factory=dict)


def _manifest_text(manifest):
    return json.dumps({**manifest, "digest": _digest(manifest)}) + "\n"


def _digest(manifest):
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]


def _of_this_version(manifest):
    """A manifest as this version writes it; 0.1 said `images_seen`, and had one monitor for samples and discriminator."""
    if "images_seen" in manifest:
        manifest["examples_seen"] = manifest.pop("images_seen")
        companions = manifest.get("companions", {})
        if "collapse" in companions:
            companions["collapse"], companions["discriminator"] = _divided(companions["collapse"])
    return manifest


def _divided(state):
    """The states of two monitors that were one. Each takes the rules that it has from all of them."""
    parts = [dict(state), dict(state)]
    for key in ("alerts", "pending"):
        of_discriminator = [row for row in state[key] if row["measurement"].startswith(("overfitting/", "probe/"))]
        parts[0][key] = [row for row in state[key] if row not in of_discriminator]
        parts[1][key] = of_discriminator
    return parts
