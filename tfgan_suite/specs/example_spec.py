"""ExampleSpec: what one example is, said once. Every room asks it: images are one kind among others."""

import importlib
import math
import operator

from tfgan_suite.foundation.errors import UserError, unknown_name

# Kinds that the suite brings, and the module that registers each one. It is imported when the kind is first met.
_BUILT_IN = {
    "image": "tfgan_suite.specs.image_spec",
    "log_mel": "tfgan_suite.specs.log_mel_spec",
    "text": "tfgan_suite.specs.text_spec",
    "token": "tfgan_suite.specs.token_spec",
    "video": "tfgan_suite.specs.video_spec",
    "waveform": "tfgan_suite.specs.waveform_spec",
}
_REGISTERED = {}
# Values may lie this share of the range outside of it: rounding.
_ROUNDING = 1 / 255


class ExampleSpec:
    """What one example is: its shape, how it is stored and parsed, how it is shown, and what makes it suspicious.

    Examples have two forms. At every *edge* (files, records, the output of `generate`, a server's answers) they have
    `edge_dtype`; *inside* of models they are float32, or whatever the kind's models compute with. A subclass says how one
    becomes the other, and how an example is stored: like TensorFlow Datasets' `FeatureConnector`, it has one method that
    turns an example into features and one that turns features into an example.

    Subclasses are registered with `register_example_spec`, and import TensorFlow within methods only, so that Beam
    workers start quickly.

    Attributes:
        kind: String. The name of the kind, such as `"image"`. Feature names in records begin with it.
        unit: Tuple of two strings, the words for one example and for several: `("image", "images")`.
        edge_dtype: String. The NumPy dtype of examples outside of models.
        file_suffix: String. The suffix of a file that holds one example, such as `".png"`.
        model_range: Tuple of two floats between which values inside of models lie, or `None` for any finite ones.
        is_compressed: Boolean. Whether what `encode` returns is compressed already, so that GZIP gains little on it.
        takes_integers: Boolean. Whether `fit` takes examples as integers, of the same values, as well.
        is_picture: Boolean. Whether an example at the edge is a uint8 picture `[height, width, channels]`, which models and
            scores of images take: an image, or a spectrogram.
        sample_rate_hz: Integer, the samples per second of a kind that can be heard, which then has `to_samples`; `None` of any
            other.
        frames_per_second: Float, the rate of a kind whose examples are uint8 clips `[num_frames, height, width, channels]`, which
            are shown as animations; `None` of any other.
        shape: Tuple of integers. The shape of one example, without the batch.

    Example: a kind for points in the plane.

    >>> @register_example_spec
    ... class PointSpec(ExampleSpec):
    ...     kind, unit = "point", ("point", "points")
    ...     edge_dtype = "float32"
    ...     file_suffix = ".txt"
    >>> spec_from_config({"kind": "point", "shape": [2]}).shape
    (2,)

    Reference: TensorFlow Datasets, `tfds.features.FeatureConnector`.
    """

    kind = None
    unit = ("example", "examples")
    edge_dtype = "float32"
    file_suffix = ".npy"
    model_range = None
    is_compressed = False
    takes_integers = False
    is_picture = False
    sample_rate_hz = None
    frames_per_second = None

    def __init__(self, shape):
        try:
            self.shape = tuple(operator.index(size) for size in shape)
        except TypeError:
            raise UserError(f"`shape` must be a tuple of integers. Received: shape={shape!r}") from None
        if not all(0 < size < 2**31 for size in self.shape):
            raise UserError(f"`shape` must be integers >= 1. Received: shape={self.shape}")

    @property
    def positions(self):
        """Tuple of integers. The shape of a mask of what is given of an example: the channels of a position go together."""
        return self.shape[:-1]

    @property
    def num_bytes(self):
        """Integer. The bytes of one example of `edge_dtype`, not encoded."""
        import numpy as np

        return math.prod(self.shape) * np.dtype(self.edge_dtype).itemsize

    # === Inside and at the edge ===

    def to_model(self, examples):
        """Converts examples of `edge_dtype` to what models take, with any number of leading axes. Usable in graphs."""
        import tensorflow as tf

        return tf.cast(examples, tf.float32)

    def to_edge(self, values):
        """Converts what models make to `edge_dtype`, with any number of leading axes. Usable in graphs."""
        import tensorflow as tf

        return tf.cast(values, self.edge_dtype)

    def to_metrics(self, examples):
        """Converts examples of `edge_dtype`, a NumPy batch, to what metrics compare and their extractors look at."""
        return examples

    def check_batch(self, examples, shape=None):
        """Raises a `ValueError` for a batch that a model of such examples cannot be trained on.

        Args:
            examples: Tensor. A batch, as `fit` gets it.
            shape: Tuple of integers. The expected shape of one example, if it is not the spec's own.
        """
        shape = tuple(shape or self.shape)
        if not examples.dtype.is_floating:
            raise ValueError(f"Batches must be float {self.unit[1]}. Received: dtype={examples.dtype.name}")
        if tuple(examples.shape[1:]) != shape:
            raise ValueError(
                f"Batches must be {self.unit[1]} of shape {shape}. Received: shape={tuple(examples.shape[1:])}"
            )

    @property
    def model_limits(self):
        """`model_range` with room for rounding, or `None`."""
        if self.model_range is None:
            return None
        low, high = self.model_range
        return low - _ROUNDING * (high - low), high + _ROUNDING * (high - low)

    def check_values(self, examples):
        """Raises a `UserError` for values outside of `model_range`. Shapes and dtypes are for `check_batch`.

        Args:
            examples: NumPy array of floats. Examples as models take them.
        """
        limits = self.model_limits
        if limits is None or not examples.size:
            return
        low, high = (float(bound) for bound in (examples.min(), examples.max()))  # NaN if there is one.
        if not limits[0] <= low <= high <= limits[1]:
            raise UserError(
                f"Batches must be float {self.unit[1]} in [{self.model_range[0]:g}, {self.model_range[1]:g}]. Received: "
                f"values from {low:g} to {high:g}. {self._range_advice(low, high)}"
            )

    def _range_advice(self, low, high):
        """What to do with values from `low` to `high`, one sentence."""
        return f"Rescale the {self.unit[1]}."

    # === Stored and parsed ===

    def encode(self, example):
        """Turns an example into the features of a record. Equal examples give equal bytes. Needs no TensorFlow.

        Args:
            example: NumPy array of `edge_dtype` and `shape`.

        Returns:
            Dict of feature name, without the kind in front, to bytes or an integer >= 0. The name `"source"` is taken.
        """
        import numpy as np

        return {"values": np.ascontiguousarray(example, self._stored_dtype()).tobytes()}

    def constants(self):
        """The features that `encode` makes the same for every example, a dict of name to bytes or an integer >= 0."""
        return {}

    def features(self):
        """The features of a record to parse, a dict of name (as in `encode`) to `tf.io.FixedLenFeature`."""
        import tensorflow as tf

        return {"values": tf.io.FixedLenFeature([], tf.string)}

    def decode(self, features):
        """Turns parsed features into an example. Runs in a `tf.data` graph.

        Args:
            features: Dict of name (as in `encode`) to scalar tensor.

        Returns:
            Tensor of `edge_dtype` and `shape`.
        """
        import tensorflow as tf

        return tf.reshape(tf.io.decode_raw(features["values"], self.edge_dtype), self.shape)

    def _stored_dtype(self):
        import numpy as np

        return np.dtype(self.edge_dtype).newbyteorder("<")

    # === Shown ===

    def draw(self, example):
        """Draws an example as a picture, for grids, TensorBoard and the report.

        Args:
            example: NumPy array of `edge_dtype` and `shape`.

        Returns:
            uint8 `[height, width, channels]`, the same size for every example; 1, 3 or 4 channels.

        Raises:
            UserError: The kind has none; run reports and training then leave pictures out.
        """
        raise UserError(
            f"{type(self).__name__} has no `draw`, so pictures of {self.unit[1]} cannot be made. Implement it in your spec."
        )

    def to_samples(self, examples):
        """Sound of a batch of examples, float32 `[batch, num_samples]` in [-1, 1], of a kind that can be heard.

        Args:
            examples: Tensor or array of `edge_dtype`. Usable in graphs.
        """
        raise UserError(f"{type(self).__name__} has no `to_samples`: {self.unit[1]} cannot be heard.")

    def to_text(self, example):
        """The words of an example of a kind that is shown as text, a string; such a kind has no `draw`.

        Args:
            example: NumPy array of `edge_dtype` and `shape`.

        Raises:
            UserError: The kind is not shown as text.
        """
        raise UserError(f"{type(self).__name__} has no `to_text`: {self.unit[1]} are not shown as text.")

    @property
    def is_drawn(self):
        """Boolean. Whether examples are shown as pictures, by `draw`."""
        return type(self).draw is not ExampleSpec.draw

    @property
    def is_written(self):
        """Boolean. Whether examples are shown as text, by `to_text`."""
        return type(self).to_text is not ExampleSpec.to_text

    def to_file(self, example):
        """The content of a file (with `file_suffix`) that holds one example, as bytes."""
        import io

        import numpy as np

        file = io.BytesIO()
        np.save(file, np.asarray(example))
        return file.getvalue()

    def to_files(self, examples):
        """Files of a batch inside a graph, a string tensor `[batch]`; `None` if this kind has none that a graph can write."""
        return None

    # === Suspicious ===

    def suspicion(self, example):
        """Why an example looks like a mistake in the data, such as `"blank"`; `None` if it does not.

        Args:
            example: NumPy array of `edge_dtype` and `shape`.
        """
        return None

    # === Described ===

    def matches(self, other):
        """Whether models cannot tell examples of this spec from those of `other`, however either is stored."""
        return (self.kind, self.shape, self.edge_dtype) == (other.kind, other.shape, other.edge_dtype)

    def describe(self):
        """The size of an example in words, such as `"32 x 32, gray"`."""
        return " x ".join(str(size) for size in self.shape)

    def get_config(self):
        """JSON values from which `spec_from_config` makes an equal spec; `kind` is added to them where they are stored."""
        return {"shape": list(self.shape)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash((self.kind, self.shape))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"


def register_example_spec(cls):
    """Registers a subclass of `ExampleSpec` under its `kind`. Used as a decorator.

    Args:
        cls: Class. The subclass.

    Returns:
        The class itself.

    Raises:
        ValueError: The class has no `kind`, or another class has it.

    Example:

    >>> @register_example_spec
    ... class ChordSpec(ExampleSpec):
    ...     kind, unit, edge_dtype = "chord", ("chord", "chords"), "int32"
    >>> spec_from_config(spec_to_config(ChordSpec((3,)))).encode(np.array([60, 64, 67]))["values"][:4]
    b'<\\x00\\x00\\x00'
    """
    if not cls.kind:
        raise ValueError(f"`kind` must be set on {cls.__name__}. Received: kind={cls.kind!r}")
    known = _REGISTERED.get(cls.kind)
    # A notebook's cell that runs again makes the same class anew.
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"`kind` must be another than those registered. Received: kind={cls.kind!r} of {cls.__module__}."
            f"{cls.__qualname__}, which {known.__module__}.{known.__qualname__} has."
        )
    _REGISTERED[cls.kind] = cls
    return cls


def spec_to_config(spec):
    """JSON values of a spec, its `kind` among them."""
    return {"kind": spec.kind, **spec.get_config()}


def spec_from_config(config):
    """Makes a spec of what `spec_to_config` returned.

    Raises:
        UserError: The kind is not registered.
    """
    config = dict(config)
    kind = config.pop("kind", None)
    if kind in _BUILT_IN and kind not in _REGISTERED:
        importlib.import_module(_BUILT_IN[kind])
    if kind not in _REGISTERED:
        error = unknown_name("kind of example", str(kind), {*_BUILT_IN, *_REGISTERED})
        raise UserError(
            f"{error} Import the module that registers your own kind first; on the command line: tfgan-suite --import "
            "MODULE COMMAND."
        )
    return _REGISTERED[kind].from_config(config)
