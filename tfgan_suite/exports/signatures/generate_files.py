"""`generate_png`, or what the kind's files are: seeds to files."""

import tensorflow as tf

from tfgan_suite.exports.signatures.generate import Generate


class AsFiles:
    """Makes a signature of examples one of files: its name ends in their suffix, its one output is their bytes.

    Stands before that signature among the bases of a class.
    """

    def __init__(self, model):
        super().__init__(model)
        suffix = model.spec.file_suffix.lstrip(".").replace(".", "_")
        self.name = f"{self.name}_{suffix}"
        self._output_name = f"{suffix}_bytes"

    @classmethod
    def applies(cls, model):
        return super().applies(model) and writes_files(model.spec)

    def outputs(self, examples):
        return {self._output_name: self.model.spec.to_files(examples)}

    def compare(self, exported, max_count):
        return None  # The signature of the examples has compared them.


class GenerateFiles(AsFiles, Generate):
    """As `Generate`, with each example as a file of its kind: `generate_png` with the output `png_bytes` for images."""


def writes_files(spec) -> bool:
    """Whether a graph can write files of examples of this kind."""
    return spec.to_files(tf.zeros([1, *spec.shape], tf.as_dtype(spec.edge_dtype))) is not None
