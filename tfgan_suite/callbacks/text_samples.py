"""TextSamples: texts of one seed, written throughout training."""

import html

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.shown_samples import ShownSamples
from tfgan_suite.foundation.files import write_atomically

_DESCRIPTION = "Texts of the same seed throughout training."
TEXT_SEPARATOR = "\n" + "-" * 80 + "\n"


class TextSamples(ShownSamples):
    """Writes examples of the same seed at the start and at each tick's end, as text files and in TensorBoard.

    For kinds of examples that are shown as text (`ExampleSpec.to_text`); `ImageGrid` is for those that are drawn.

    Args:
        directory: String. Gets `<examples seen>.txt`, in which a line of hyphens lies between texts.
        log_dir: String. TensorBoard directory, or `None`.
        count: Integer. Texts to write.
        every_ticks: Integer. Ticks from one file to the next.
        seed: Integer. Seed of the texts.
    """

    suffix = ".txt"

    def __init__(self, directory, log_dir=None, count=4, every_ticks=1, seed=0):
        super().__init__(directory, log_dir, every_ticks, seed)
        self.count = count

    def labels(self):
        return np.arange(self.count)

    def write(self, examples, path):
        texts = list(map(self.model.spec.to_text, examples))
        write_atomically(path, TEXT_SEPARATOR.join(texts))
        return texts

    def summarize(self, written, step):
        # TensorBoard reads Markdown, in which a text would lose its lines.
        blocks = [f"<pre>{html.escape(text)}</pre>" for text in written]
        tf.summary.text("samples", blocks, step=step, description=_DESCRIPTION)
