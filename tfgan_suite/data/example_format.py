"""ExampleFormat: how the raw inputs of a source become examples of a kind."""

import numpy as np

from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.specs.example_spec import ExampleSpec, spec_to_config


class ExampleFormat:
    """How the raw inputs of a source, what its reader returns, become examples of a spec.

    This one takes arrays that are examples already, and refuses others. A subclass overrides `prepare`, as `ImageFormat`
    does. Sent to the workers, so picklable; nothing of it may need TensorFlow.

    Args:
        spec: `ExampleSpec`. What the examples are.

    Example:

    >>> from tfgan_suite.specs.image_spec import ImageSpec
    >>> ExampleFormat(ImageSpec((2, 2, 1))).prepare(np.zeros([2, 2, 1], "uint8")).shape
    (2, 2, 1)
    """

    def __init__(self, spec: ExampleSpec):
        self.spec = spec

    def prepare(self, raw) -> np.ndarray:
        """Makes an example of a raw input.

        Args:
            raw: What `SourceReader.read` returned.

        Returns:
            NumPy array of the spec's `edge_dtype` and `shape`.

        Raises:
            ExampleRefused: The input cannot be used.
        """
        example, spec = np.asarray(raw), self.spec
        if example.shape != spec.shape:
            raise ExampleRefused("wrong_shape", f"Its shape is {example.shape}; it must be {spec.shape}.")
        if example.dtype != spec.edge_dtype:
            raise ExampleRefused("wrong_type", f"Its dtype is {example.dtype}; it must be {spec.edge_dtype}.")
        if example.dtype.kind == "f" and not np.isfinite(example).all():
            raise ExampleRefused("not_finite", "It has values that are not finite.")
        return np.ascontiguousarray(example)

    def prepare_for_record(self, raw) -> tuple[np.ndarray, dict]:
        """As `prepare`, with what the record of the example keeps besides, such as the sound of a spectrogram.

        Returns:
            The example, and a dict of feature name to bytes or an integer >= 0.
        """
        return self.prepare(raw), {}

    def settings(self) -> dict:
        """What shapes the examples, as JSON values. A set that was prepared with other settings is another set."""
        return {"example": spec_to_config(self.spec)}

    def processing(self) -> dict[str, str]:
        """What is done to raw inputs and by which library, for people to read in `dataset_info.json`."""
        return {}
