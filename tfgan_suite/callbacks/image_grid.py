"""ImageGrid: samples of one seed, drawn throughout training."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.drawing.image_grid import class_columns, make_grid, save_png
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.paths import local_path

_DESCRIPTION = "Samples of the same latents throughout training. A column shows one class if there are classes."


class ImageGrid(keras.callbacks.Callback):
    """Draws samples of the same seed at the start and at each tick's end, as PNG and in TensorBoard.

    The model's spec draws each example, whatever its kind. A column shows one class if there are classes.

    Args:
        directory: String. Gets `<examples seen>.png`.
        log_dir: String. TensorBoard directory, or `None`.
        columns: Integer. Examples in a row; by default what `class_columns` returns.
        rows: Integer. Rows of the grid.
        every_ticks: Integer. Ticks from one picture to the next.
        seed: Integer. Seed of the samples.
    """

    def __init__(self, directory, log_dir=None, columns=None, rows=8, every_ticks=1, seed=0):
        super().__init__()
        self.directory = local_path(directory)
        self.event_log = None if log_dir is None else EventLog(log_dir)
        self.columns = columns
        self.rows = rows
        self.every_ticks = every_ticks
        self.seed = seed

    def on_train_begin(self, logs=None):
        if int(np.asarray(self.model.examples_seen)) == 0:
            self.draw()

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            self.draw()

    def draw(self):
        """Draws now, and returns the path of the picture."""
        classes = self.model.num_classes
        columns = self.columns or class_columns(self.model)
        labels = None if classes is None else np.tile(np.arange(columns) % classes, self.rows)
        examples = self.model.generate(columns * self.rows, labels=labels, seed=self.seed)
        grid = make_grid(np.stack([self.model.spec.draw(example) for example in examples]), columns)
        examples_seen = int(np.asarray(self.model.examples_seen))
        path = self.directory / f"{examples_seen:012d}.png"
        save_png(grid, path)
        if self.event_log is not None:
            with self.event_log.writing():
                tf.summary.image("samples", grid[None], step=examples_seen, description=_DESCRIPTION)
        return path
