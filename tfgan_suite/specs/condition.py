"""Condition: what an example is conditioned on, such as its class."""

import dataclasses

import numpy as np

from tfgan_suite.foundation.errors import UserError, unknown_name

CONDITIONS = ("none", "classes", "vector", "tokens")
# More classes than this are not all named in an error.
_NAMED_IN_ERRORS = 20


@dataclasses.dataclass(frozen=True)
class Condition:
    """What an example is conditioned on: nothing, one of some classes, a vector, or a row of tokens.

    Args:
        kind: String, one of `"none"`, `"classes"`, `"vector"` and `"tokens"`.
        size: Integer. The number of classes, the length of the vector, or the number of tokens in a row; 0 for none.
        names: Tuple of strings. The names of the classes, in the order of their labels, where they are known.

    Raises:
        UserError: An unknown kind.

    Example:

    >>> Condition.of_classes(10).tensor_spec().shape
    TensorShape([None])
    """

    kind: str = "none"
    size: int = 0
    names: tuple[str, ...] = ()

    def __post_init__(self):
        if self.kind not in CONDITIONS:
            raise unknown_name("kind of condition", self.kind, CONDITIONS)

    @classmethod
    def of_classes(cls, num_classes, names=()):
        """The condition of a model with `num_classes` classes, or of one without (`None`)."""
        return cls("classes", int(num_classes), tuple(names)) if num_classes else cls()

    @property
    def num_classes(self):
        """Integer, or `None` if the condition is not a class."""
        return self.size if self.kind == "classes" else None

    def tensor_spec(self, batch_size=None):
        """The `tf.TensorSpec` of a batch of conditions, or `None` without any."""
        import tensorflow as tf

        if self.kind == "none":
            return None
        if self.kind == "vector":
            return tf.TensorSpec([batch_size, self.size], tf.float32)
        return tf.TensorSpec([batch_size] if self.kind == "classes" else [batch_size, self.size], tf.int32)

    # === Labels ===

    def class_indices(self, labels, count=None):
        """The classes that somebody asks for, by number or by name.

        Strings are names of classes if all of them are; otherwise they are read as numbers. Of data whose classes are called
        "3", "7" and "9", `["7"]` is class 1, and so is `[1]`.

        Args:
            labels: One integer or string, or an array of them, of shape `[count]` or `[count, 1]`.
            count: Integer. How many labels there must be; one label then stands for all. `None` for any number.

        Returns:
            int32 array `[count]`.

        Raises:
            UserError: There are no such classes, or another number of labels.

        Example:

        >>> Condition.of_classes(3, ("cat", "dog", "owl")).class_indices(["owl", "cat"]).tolist()
        [2, 0]
        """
        labels = np.asarray(labels)
        if labels.dtype.kind == "U":
            labels = self._named(labels)
        numbers = np.full([count or 1], labels) if labels.ndim == 0 else labels
        numbers = numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
        expected = numbers.shape if count is None else (count,)
        if numbers.ndim != 1 or numbers.shape != expected or numbers.dtype.kind not in "iu":
            raise UserError(
                f"`labels` must be {'' if count is None else f'{count} '}integer labels{self._range()}, one for each example. "
                f"Received: shape={labels.shape}, dtype={labels.dtype}"
            )
        return self._in_range(numbers)

    def check_batch(self, labels):
        """The labels of a batch of data: integers, or floats that are whole numbers, of shape `[batch]` or `[batch, 1]`.

        Args:
            labels: NumPy array. A batch of labels, or all of them.

        Returns:
            int32 array `[batch]`.

        Raises:
            UserError: A model with these classes cannot be trained on such labels, or scored against them.
        """
        labels = np.asarray(labels)
        check_label_type(labels.dtype.name, labels.shape)
        numbers = labels.reshape(-1).astype(np.int64 if labels.dtype.kind in "iub" else np.float64)
        if numbers.dtype.kind == "f" and not np.array_equal(numbers, np.floor(numbers)):
            fraction = numbers[~(numbers == np.floor(numbers))][0]
            raise UserError(
                f"Batches must have whole numbers as labels{self._range()}. Received: a label of {fraction:g}"
            )
        return self._in_range(numbers)

    def _named(self, texts):
        """Numbers of strings: of names if all are, else the numbers that they are written as."""
        known = {str(name): index for index, name in enumerate(self.names)}
        flat = [str(text) for text in texts.reshape(-1)]
        if all(text in known for text in flat):
            return np.array([known[text] for text in flat], np.int64).reshape(texts.shape)
        try:
            return np.array([int(text) for text in flat], np.int64).reshape(texts.shape)
        except (ValueError, OverflowError):
            received = ", ".join(map(repr, flat[:_NAMED_IN_ERRORS]))
            raise UserError(
                f"`labels` must be labels{self._range()}, or all names of classes. Received: {received}"
            ) from None

    def _in_range(self, numbers):
        if self.size and numbers.size and not 0 <= numbers.min() <= numbers.max() < self.size:
            raise UserError(
                f"`labels` must be labels{self._range()}. Received: labels from {numbers.min():g} to {numbers.max():g}"
            )
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < 2**31:
            raise UserError(f"`labels` must be >= 0. Received: labels from {numbers.min():g} to {numbers.max():g}")
        return numbers.astype(np.int32)

    def _range(self):
        """What labels may be, with the names of the classes where they say more than the numbers."""
        if not self.size:
            return ""
        text = f" from 0 to {self.size - 1}"
        if not self.names or tuple(map(str, self.names)) == tuple(map(str, range(self.size))):
            return text
        named = [f"{index}: {str(name)!r}" for index, name in enumerate(self.names[:_NAMED_IN_ERRORS])]
        more = ", ..." if len(self.names) > _NAMED_IN_ERRORS else ""
        return f"{text} (class names {', '.join(named)}{more})"


def check_label_type(dtype, shape):
    """Raises a `UserError` for labels of a dtype or shape that a batch cannot have, in a graph as well.

    Args:
        dtype: String. The name of the dtype.
        shape: Tuple of integers, `None` for a size that is not known, with the batch first.
    """
    if not dtype.startswith(("int", "uint", "float", "bfloat", "bool")):
        raise UserError(f"Batches must have integers as labels. Received: labels of dtype={dtype}")
    if len(shape) > 2 or len(shape) == 2 and shape[1] not in (1, None):
        hint = ". Of one-hot labels take `np.argmax(labels, axis=-1)`" if len(shape) == 2 else ""
        raise UserError(
            f"`labels` must be one number for each example, of shape [batch] or [batch, 1]. Received: shape={shape}{hint}"
        )
