"""SoundClips: samples of one seed, to be heard throughout training."""

import numpy as np
import tensorflow as tf

from tfgan_suite.audio.wav_files import encode_sequence
from tfgan_suite.callbacks.shown_samples import ShownSamples
from tfgan_suite.drawing.image_grid import class_columns
from tfgan_suite.foundation.files import write_atomically

_DESCRIPTION = "Samples of the same latents throughout training; the first row of the picture, in its order."
# What TensorBoard keeps of a step; a file holds them all.
_MAX_PLAYERS = 10


class SoundClips(ShownSamples):
    """Plays samples of the same seed at the start and at each tick's end: one WAV, and players in TensorBoard.

    They are the first row of what `ImageGrid` draws: one of each class if there are classes.

    Args:
        directory: String. Gets `<examples seen>.wav`, the clips one behind the other.
        log_dir: String. TensorBoard directory, or `None`.
        count: Integer. Clips; by default what `class_columns` returns.
        every_ticks: Integer. Ticks from one to the next.
        seed: Integer. Seed of the samples.
    """

    suffix = ".wav"

    def __init__(self, directory, log_dir=None, count=None, every_ticks=1, seed=0):
        super().__init__(directory, log_dir, every_ticks, seed)
        self.count = count

    def labels(self):
        return np.arange(self.count or class_columns(self.model))

    def write(self, examples, path):
        spec = self.model.spec
        samples = spec.to_samples(examples)  # [count, num_samples]
        write_atomically(path, encode_sequence(samples, spec.sample_rate_hz).numpy())
        return samples

    def summarize(self, written, step):
        tf.summary.audio(
            "sounds",  # The pictures have the name "samples", and a name has one kind.
            written[..., None],
            self.model.spec.sample_rate_hz,
            step=step,
            max_outputs=_MAX_PLAYERS,
            encoding="wav",
            description=_DESCRIPTION,
        )
