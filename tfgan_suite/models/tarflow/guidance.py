"""Guidance: what a block says of a token, moved away from what it says without a class or with less sharp attention."""

import tensorflow as tf


class Guidance:
    """Rows of a batch twice, if there is guidance: as asked for, and as it is to be moved away from.

    The number of rows is decided when the graph runs, so that no guidance costs nothing.

    Args:
        labels: int32 `[batch]`, -1 for no class; or `None` for a model without classes.
        batch_size: Integer or int32 scalar.
        weight: Float, or float32 `[]` or `[batch]`. How far to move; 0 for no guidance.
        annealing: The same. 1 begins with no guidance and grows to `weight` along the sequence, 0 is `weight` everywhere.
        temperature: The same. Of the attention in the second rows.

    Attributes:
        labels: int32 `[rows]`, or `None`.
        sharpness: float32 `[rows]`, one over the temperature of the attention; `None` for 1.

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024), section 2.5.
    """

    def __init__(self, labels, batch_size, weight=0.0, annealing=0.0, temperature=1.0):
        self.labels = None if labels is None else tf.cast(labels, tf.int32)
        self.sharpness, self._batch_size, self._extra = None, batch_size, None
        if isinstance(weight, (int, float)) and weight == 0.0:
            return
        self._weight, self._annealing, temperature = (
            tf.reshape(tf.cast(one, tf.float32), [-1]) for one in (weight, annealing, temperature)
        )
        self._extra = tf.where(tf.reduce_any(self._weight > 0.0), batch_size, 0)
        ones = tf.ones([batch_size])
        self.sharpness = tf.concat([ones, (ones / temperature)[: self._extra]], axis=0)
        if labels is not None:
            self.labels = tf.concat([self.labels, tf.fill([self._extra], -1)], axis=0)

    def rows(self, tokens):
        """Tokens `[batch, ...]` as `[rows, ...]`."""
        return tokens if self._extra is None else tf.concat([tokens, tokens[: self._extra]], axis=0)

    def combine(self, outputs, progress):
        """What a block says after guidance.

        Args:
            outputs: float32 `[rows, ..., size]`.
            progress: float32 `[]` or `[positions]`. How much of the sequence is known then, the last token being 1.

        Returns:
            float32 `[batch, ..., size]`.
        """
        if self._extra is None:
            return outputs
        asked, other = outputs[: self._batch_size], outputs[self._extra :]
        annealed = (self._weight * self._annealing)[:, None] * tf.reshape(progress, [1, -1])
        weight = (self._weight * (1.0 - self._annealing))[:, None] + annealed  # [batch or 1, positions]
        weight = weight if outputs.shape.rank == 2 else weight[:, :, None]
        return asked + weight * (asked - other)
