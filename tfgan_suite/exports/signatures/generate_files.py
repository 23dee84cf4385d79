"""`generate_png`, or what the kind's files are: seeds to files."""

import tensorflow as tf

from tfgan_suite.exports.signatures.generate import Generate


class GenerateFiles(Generate):
    """As `Generate`, with each example as a file of its kind: `generate_png` with the output `png_bytes` for images."""

    def __init__(self, model):
        super().__init__(model)
        suffix = file_suffix(model.spec)
        self.name = f"generate_{suffix}"
        self._output_name = f"{suffix}_bytes"

    @classmethod
    def applies(cls, model):
        return writes_files(model.spec)

    def outputs(self, examples):
        return {self._output_name: self.model.spec.to_files(examples)}

    def compare(self, exported, max_count):
        return None  # `Generate` has compared the examples themselves.


def writes_files(spec) -> bool:
    """Whether a graph can write files of examples of this kind."""
    return spec.to_files(tf.zeros([1, *spec.shape], tf.as_dtype(spec.edge_dtype))) is not None


def file_suffix(spec) -> str:
    """The suffix of such a file as a part of names, such as `"png"`."""
    return spec.file_suffix.lstrip(".").replace(".", "_")
