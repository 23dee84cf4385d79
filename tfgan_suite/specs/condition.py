"""Condition: what an example is conditioned on, such as its class."""

import dataclasses

from tfgan_suite.foundation.errors import unknown_name

CONDITIONS = ("none", "classes", "vector", "tokens")


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
