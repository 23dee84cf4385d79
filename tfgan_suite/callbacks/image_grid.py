"""ImageGrid: samples of one seed, drawn throughout training."""

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.shown_samples import ShownSamples
from tfgan_suite.drawing.image_grid import class_columns, make_grid, save_png

DESCRIPTION = "Samples of the same latents throughout training. A column shows one class if there are classes."


class ImageGrid(ShownSamples):
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

    suffix = ".png"

    def __init__(self, directory, log_dir=None, columns=None, rows=8, every_ticks=1, seed=0):
        super().__init__(directory, log_dir, every_ticks, seed)
        self.columns = columns
        self.rows = rows

    def labels(self):
        return np.tile(np.arange(self.num_columns()), self.rows)

    def write(self, examples, path):
        grid = make_grid(np.stack([self.model.spec.draw(example) for example in examples]), self.num_columns())
        save_png(grid, path)
        return grid

    def summarize(self, written, step):
        tf.summary.image("samples", written[None], step=step, description=DESCRIPTION)

    def num_columns(self):
        """Integer. Examples in a row."""
        return self.columns or class_columns(self.model)
