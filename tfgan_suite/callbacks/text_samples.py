"""TextSamples: texts of one seed, written throughout training."""

import html

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path

_DESCRIPTION = "Texts of the same seed throughout training."


class TextSamples(keras.callbacks.Callback):
    """Writes examples of the same seed at the start and at each tick's end, as text files and in TensorBoard.

    For kinds of examples that are shown as text (`ExampleSpec.to_text`); `ImageGrid` is for those that are drawn.

    Args:
        directory: String. Gets `<examples seen>.txt`, in which a line of hyphens lies between texts.
        log_dir: String. TensorBoard directory, or `None`.
        count: Integer. Texts to write.
        every_ticks: Integer. Ticks from one file to the next.
        seed: Integer. Seed of the texts.
    """

    def __init__(self, directory, log_dir=None, count=4, every_ticks=1, seed=0):
        super().__init__()
        self.directory = local_path(directory)
        self.event_log = None if log_dir is None else EventLog(log_dir)
        self.count = count
        self.every_ticks = every_ticks
        self.seed = seed

    def on_train_begin(self, logs=None):
        if int(np.asarray(self.model.examples_seen)) == 0:
            self.write()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            self.write()

    def write(self):
        """Writes now, and returns the path of the file."""
        classes = self.model.num_classes
        labels = None if classes is None else np.arange(self.count) % classes
        texts = list(map(self.model.spec.to_text, self.model.generate(self.count, labels=labels, seed=self.seed)))
        examples_seen = int(np.asarray(self.model.examples_seen))
        path = self.directory / f"{examples_seen:012d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, TEXT_SEPARATOR.join(texts))
        if self.event_log is not None:
            # TensorBoard reads Markdown, in which a text would lose its lines.
            blocks = [f"<pre>{html.escape(text)}</pre>" for text in texts]
            with self.event_log.writing():
                tf.summary.text("samples", blocks, step=examples_seen, description=_DESCRIPTION)
        return path


TEXT_SEPARATOR = "\n" + "-" * 80 + "\n"
