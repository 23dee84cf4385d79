"""SoundClips: samples of one seed, to be heard throughout training."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.audio.wav_files import encode_sequence
from tfgan_suite.drawing.image_grid import class_columns
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path

_DESCRIPTION = "Samples of the same latents throughout training; the first row of the picture, in its order."
# What TensorBoard keeps of a step; a file holds them all.
_MAX_PLAYERS = 10


class SoundClips(keras.callbacks.Callback):
    """Plays samples of the same seed at the start and at each tick's end: one WAV, and players in TensorBoard.

    They are the first row of what `ImageGrid` draws: one of each class if there are classes.

    Args:
        directory: String. Gets `<examples seen>.wav`, the clips one behind the other.
        log_dir: String. TensorBoard directory, or `None`.
        count: Integer. Clips; by default what `class_columns` returns.
        every_ticks: Integer. Ticks from one to the next.
        seed: Integer. Seed of the samples.
    """

    def __init__(self, directory, log_dir=None, count=None, every_ticks=1, seed=0):
        super().__init__()
        self.directory = local_path(directory)
        self.event_log = None if log_dir is None else EventLog(log_dir)
        self.count = count
        self.every_ticks = every_ticks
        self.seed = seed

    def on_train_begin(self, logs=None):
        if int(np.asarray(self.model.examples_seen)) == 0:
            self.play()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            self.play()

    def play(self):
        """Makes the clips now, and returns the path of the file."""
        model, spec = self.model, self.model.spec
        count = self.count or class_columns(model)
        labels = None if model.num_classes is None else np.arange(count) % model.num_classes
        samples = spec.to_samples(model.generate(count, labels=labels, seed=self.seed))  # [count, num_samples]
        examples_seen = int(np.asarray(model.examples_seen))
        path = self.directory / f"{examples_seen:012d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, encode_sequence(samples, spec.sample_rate_hz).numpy())
        if self.event_log is not None:
            with self.event_log.writing():
                tf.summary.audio(
                    "sounds",  # The pictures have the name "samples", and a name has one kind.
                    samples[..., None],
                    spec.sample_rate_hz,
                    step=examples_seen,
                    max_outputs=_MAX_PLAYERS,
                    encoding="wav",
                    description=_DESCRIPTION,
                )
        return path
