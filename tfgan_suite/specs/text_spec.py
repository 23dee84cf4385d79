"""TextSpec: a stretch of text as an example, in bytes."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import register_example_spec
from tfgan_suite.specs.token_spec import TokenSpec


@register_example_spec
class TextSpec(TokenSpec):
    """A stretch of text: the bytes of its UTF-8, uint8 at every edge.

    Bytes are tokens of which there are 256, so that models of tokens are models of text. A stretch may begin or end within a
    character, and a model may make bytes that are no UTF-8: as bytes they are kept as they are; where text is asked for, such bytes
    are shown as U+FFFD.

    Args:
        shape: Tuple of one integer. The number of bytes.

    Raises:
        UserError: A shape of another rank.

    Example:

    >>> spec = TextSpec((5,))
    >>> spec.to_text(np.frombuffer(b"caf\\xc3\\xa9", np.uint8)), spec.to_text(np.frombuffer(b"caf\\xc3!", np.uint8))
    ('café', 'caf�!')
    """

    kind = "text"
    unit = ("text", "texts")
    edge_dtype = "uint8"
    file_suffix = ".txt"

    def __init__(self, shape):
        super().__init__(shape, vocabulary_size=256)
        if len(self.shape) != 1:
            raise UserError(f"`shape` of a text must be (bytes,). Received: shape={self.shape}")

    def to_edge(self, values):
        import tensorflow as tf

        return tf.cast(super().to_edge(values), tf.uint8)

    def encode(self, example):
        return {"bytes": np.ascontiguousarray(example, np.uint8).tobytes()}

    def features(self):
        import tensorflow as tf

        return {"bytes": tf.io.FixedLenFeature([], tf.string)}

    def decode(self, features):
        import tensorflow as tf

        return tf.reshape(tf.io.decode_raw(features["bytes"], tf.uint8), self.shape)

    # === Shown ===

    def to_text(self, example):
        return np.asarray(example, np.uint8).tobytes().decode("utf-8", "replace")

    def to_file(self, example):
        return np.asarray(example, np.uint8).tobytes()

    def to_files(self, examples):
        return join_bytes(examples)

    def suspicion(self, example):
        return "blank" if not example.tobytes().strip() else super().suspicion(example)

    # === Described ===

    def describe(self):
        return f"{self.shape[0]} bytes"

    def get_config(self):
        return {"shape": list(self.shape)}


def join_bytes(values):
    """Strings of bytes, inside a graph: integers `[..., count]` from 0 to 255 become a string tensor `[...]`."""
    import tensorflow as tf

    table = tf.constant([bytes([value]) for value in range(256)])
    return tf.strings.reduce_join(tf.gather(table, tf.cast(values, tf.int32)), axis=-1)
