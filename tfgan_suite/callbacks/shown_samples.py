"""ShownSamples: base of the callbacks that show samples of one seed throughout training."""

import keras
import numpy as np

from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.paths import local_path


class ShownSamples(keras.callbacks.Callback):
    """Shows samples of the same seed at the start and at each tick's end, as a file and in TensorBoard.

    A subclass sets `suffix` and implements `write` and `summarize`.

    Args:
        directory: String. Gets `<examples seen><suffix>`.
        log_dir: String. TensorBoard directory, or `None`.
        every_ticks: Integer. Ticks from one file to the next.
        seed: Integer. Seed of the samples.

    Attributes:
        suffix: String. How names of files end.
    """

    suffix = ""

    def __init__(self, directory, log_dir=None, every_ticks=1, seed=0):
        super().__init__()
        self.directory = local_path(directory)
        self.event_log = None if log_dir is None else EventLog(log_dir)
        self.every_ticks = every_ticks
        self.seed = seed

    def labels(self):
        """Which classes to show, an integer array `[count]` of any integers: those beyond the last class begin again."""
        raise NotImplementedError

    def write(self, examples, path):
        """Writes examples `[count, *spec.shape]` to a file, and returns what `summarize` takes."""
        raise NotImplementedError

    def summarize(self, written, step):
        """Makes TensorBoard's summary of what `write` returned."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        if int(np.asarray(self.model.examples_seen)) == 0:
            self.show()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            self.show()

    def show(self):
        """Makes the samples now, and returns the path of the file."""
        labels, classes = self.labels(), self.model.num_classes
        examples = self.model.generate(
            len(labels), labels=None if classes is None else labels % classes, seed=self.seed
        )
        examples_seen = int(np.asarray(self.model.examples_seen))
        path = self.directory / f"{examples_seen:012d}{self.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        written = self.write(examples, path)
        if self.event_log is not None:
            with self.event_log.writing():
                self.summarize(written, examples_seen)
        return path
