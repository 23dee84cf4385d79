"""Pictures of fixed latents as training goes on."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.drawing.image_grid import class_columns, make_grid, save_png


class ImageGrid(keras.callbacks.Callback):
    """Draws the same latents with the averaged generator at the start and at each tick's end, as PNG and in TensorBoard.

    A column shows one class if there are classes.

    Args:
        directory: For `<images seen>.png`.
        log_dir: TensorBoard directory, or `None`.
        columns: Images in a row; by default as `class_columns` has it.
        rows: Rows of the grid.
        every_ticks: Ticks from one picture to the next.
        seed: Of the latents.
    """

    def __init__(self, directory, log_dir=None, columns=None, rows=8, every_ticks=1, seed=0):
        super().__init__()
        self.directory = Path(directory)
        self.log_dir = log_dir
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
        grid = make_grid(self.model.generate(columns * self.rows, labels=labels, seed=self.seed), columns)
        images_seen = int(np.asarray(self.model.examples_seen))
        path = self.directory / f"{images_seen:012d}.png"
        save_png(grid, path)
        if self.log_dir is not None:
            writer = tf.summary.create_file_writer(str(self.log_dir), filename_suffix=".images")
            with writer.as_default():
                tf.summary.image("samples", grid[None], step=images_seen)
            writer.close()
        return path
