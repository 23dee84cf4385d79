"""Pictures of fixed latents as training goes on."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

MAX_COLUMNS = 16


def make_grid(images, columns, margin=2, background=255):
    """Lays images out in rows.

    Args:
        images: uint8 `[count, height, width, channels]`, 1, 3 or 4 channels.
        columns: Images in a row, >= 1. The last row is filled up with background.
        margin: Pixels between images.
        background: Grey value of the margins.

    Returns:
        uint8 `[grid_height, grid_width, channels]`.

    Example:

    >>> make_grid(np.zeros([6, 8, 8, 1], "uint8"), columns=3).shape
    (18, 28, 1)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    grid = np.full(
        [rows * (height + margin) - margin, columns * (width + margin) - margin, channels], background, np.uint8
    )
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + margin), (index % columns) * (width + margin)
        grid[top : top + height, left : left + width] = image
    return grid


def save_png(image, path):
    """Writes a uint8 `[height, width, channels]` array as PNG."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def has_classes(model):
    """Whether a model has classes to tell apart: two or more."""
    return (model.num_classes or 1) > 1


def class_columns(model):
    """Columns of a grid in which each shows one class, at most `MAX_COLUMNS`; 8 where there are none to tell apart."""
    return min(model.num_classes, MAX_COLUMNS) if has_classes(model) else 8


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
        if int(np.asarray(self.model.images_seen)) == 0:
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
        images_seen = int(np.asarray(self.model.images_seen))
        path = self.directory / f"{images_seen:012d}.png"
        save_png(grid, path)
        if self.log_dir is not None:
            writer = tf.summary.create_file_writer(str(self.log_dir), filename_suffix=".images")
            with writer.as_default():
                tf.summary.image("samples", grid[None], step=images_seen)
            writer.close()
        return path
