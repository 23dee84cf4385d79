"""VideoClips: samples of one seed that move, throughout training."""

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.image_grid import DESCRIPTION, ImageGrid
from tfgan_suite.drawing.image_grid import make_clip_grid
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.video.animation_files import encode_gif


class VideoClips(ImageGrid):
    """Shows clips of the same seed at the start and at each tick's end: a GIF of a grid of them, also in TensorBoard.

    They are the first rows of what `ImageGrid` draws, whose arguments it takes. `directory` gets `<examples seen>.gif`.
    """

    suffix = ".gif"

    def __init__(self, directory, log_dir=None, columns=None, rows=4, every_ticks=1, seed=0):
        super().__init__(directory, log_dir, columns, rows, every_ticks, seed)

    def write(self, examples, path):
        grid = make_clip_grid(np.asarray(examples), self.num_columns())
        content = encode_gif(grid, self.model.spec.frames_per_second)
        write_atomically(path, content)
        return grid.shape, content

    def summarize(self, written, step):
        from tensorboard.plugins.image import metadata

        # TensorBoard's own function would encode a PNG, in which nothing moves. The plugin shows any file that browsers do.
        (_, height, width, _), content = written
        summary_metadata = metadata.create_summary_metadata("clips", DESCRIPTION, converted_to_tensor=True)
        tf.summary.write("clips", [b"%d" % width, b"%d" % height, content], step=step, metadata=summary_metadata)
