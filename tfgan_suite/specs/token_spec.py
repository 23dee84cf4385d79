"""TokenSpec: tokens as an example, whole numbers such as bytes or codes."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec


@register_example_spec
class TokenSpec(ExampleSpec):
    """Tokens: whole numbers from 0 to `vocabulary_size - 1`; bytes, codes of an image or of sound, notes, anything.

    Integers at every edge; inside of models float32 of the same values, as all examples there are.

    Args:
        shape: Tuple of integers. `(length,)`, or a grid such as `(8, 8)`, whose order is row after row.
        vocabulary_size: Integer in [2, 2^24]. How many different tokens there are.

    Raises:
        UserError: A shape or a size that tokens do not have.

    Example: 64 bytes.

    >>> spec = TokenSpec((4,), vocabulary_size=256)
    >>> spec.to_edge(spec.to_model(np.array([0, 1, 254, 255]))).numpy().tolist()
    [0, 1, 254, 255]
    """

    kind = "token"
    unit = ("sequence", "sequences")
    edge_dtype = "int32"
    takes_integers = True

    def __init__(self, shape, vocabulary_size=256):
        super().__init__(shape)
        if not self.shape:
            raise UserError("`shape` of tokens must have one number or more. Received: shape=()")
        if not is_count(vocabulary_size) or not 2 <= vocabulary_size <= 2**24:
            raise UserError(
                f"`vocabulary_size` must be an integer in [2, 2^24]. Received: vocabulary_size={vocabulary_size!r}"
            )
        self.vocabulary_size = int(vocabulary_size)

    @property
    def positions(self):
        return self.shape

    @property
    def model_range(self):
        return 0.0, float(self.vocabulary_size - 1)

    @property
    def model_limits(self):
        return self.model_range  # Whole numbers have no rounding.

    def to_edge(self, values):
        import tensorflow as tf

        values = tf.convert_to_tensor(values)
        if not values.dtype.is_floating:
            return tf.cast(values, tf.int32)
        return tf.cast(tf.clip_by_value(tf.round(values), *self.model_range), tf.int32)

    def check_batch(self, examples, shape=None):
        # Integers are taken as well: they are what tokens are wherever they come from.
        shape = tuple(shape or self.shape)
        if not (examples.dtype.is_floating or examples.dtype.is_integer) or tuple(examples.shape[1:]) != shape:
            raise ValueError(
                f"Batches must be tokens of shape {shape}, integers or whole floats. Received: dtype={examples.dtype.name}, "
                f"shape={tuple(examples.shape[1:])}"
            )

    def check_values(self, examples):
        super().check_values(examples)
        self.check_whole(examples)

    def check_whole(self, examples):
        """Raises a `UserError` if an array holds numbers that are not whole."""
        if examples.size and (np.asarray(examples) != np.floor(examples)).any():
            odd = np.asarray(examples)[np.asarray(examples) != np.floor(examples)][0]
            raise UserError(f"Batches must be whole tokens. Received: {odd:g}")

    def _range_advice(self, low, high):
        return f"Give `vocabulary_size` of at least {int(high) + 1}." if low >= 0 else "Tokens begin at 0."

    def encode(self, example):
        if example.min() < 0 or example.max() >= self.vocabulary_size:
            raise UserError(
                f"Tokens must be from 0 to {self.vocabulary_size - 1}. Received: from {example.min()} to {example.max()}"
            )
        return super().encode(example)

    def suspicion(self, example):
        return "all tokens alike" if example.size > 1 and (example == example.flat[0]).all() else None

    def describe(self):
        return f"{super().describe()} tokens of {self.vocabulary_size:,}"

    def matches(self, other):
        return super().matches(other) and self.vocabulary_size == other.vocabulary_size

    def get_config(self):
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}
