"""VideoClips: samples of one seed that move, throughout training."""

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.shown_samples import ShownSamples
from tfgan_suite.drawing.image_grid import class_columns, make_clip_grid
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.video.animation_files import encode_gif

_DESCRIPTION = "Samples of the same latents throughout training. A column shows one class if there are classes."


class VideoClips(ShownSamples):
    """Shows clips of the same seed at the start and at each tick's end: a GIF of a grid of them, also in TensorBoard.

    They are the first rows of what `ImageGrid` draws.

    Args:
        directory: String. Gets `<examples seen>.gif`.
        log_dir: String. TensorBoard directory, or `None`.
        columns: Integer. Clips in a row; by default what `class_columns` returns.
        rows: Integer. Rows of the grid.
        every_ticks: Integer. Ticks from one to the next.
        seed: Integer. Seed of the samples.
    """

    suffix = ".gif"

    def __init__(self, directory, log_dir=None, columns=None, rows=4, every_ticks=1, seed=0):
        super().__init__(directory, log_dir, every_ticks, seed)
        self.columns = columns
        self.rows = rows

    def labels(self):
        return np.tile(np.arange(self._num_columns()), self.rows)

    def write(self, examples, path):
        grid = make_clip_grid(np.asarray(examples), self._num_columns())
        content = encode_gif(grid, self.model.spec.frames_per_second)
        write_atomically(path, content)
        return grid.shape, content

    def summarize(self, written, step):
        from tensorboard.plugins.image import metadata

        # TensorBoard's own function would encode a PNG, in which nothing moves. The plugin shows any file that browsers do.
        (_, height, width, _), content = written
        summary_metadata = metadata.create_summary_metadata("clips", _DESCRIPTION, converted_to_tensor=True)
        tf.summary.write("clips", [b"%d" % width, b"%d" % height, content], step=step, metadata=summary_metadata)

    def _num_columns(self):
        return self.columns or class_columns(self.model)
