"""FiniteScalarQuantizer: every number of a vector is rounded to one of a few levels; all combinations are the codes."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.layers.quantizers.quantizer import Quantized, Quantizer, look_up, straight_through

# By how much the outermost levels reach beyond what rounds to them, so that they can be reached.
_EPSILON = 1e-3


@keras.saving.register_keras_serializable("tfgan_suite")
class FiniteScalarQuantizer(Quantizer):
    """FSQ: each of a few numbers is bounded and rounded to a level of its own; a token names the combination.

    There is no codebook to learn, so none of it can fall out of use for lack of a gradient, and there is no loss. Take it first.

    Args:
        levels: Tuple of integers >= 2. Levels of each number. About 2^8 codes: `(8, 6, 5)`; 2^10: `(8, 5, 5, 5)`; 2^12:
            `(7, 5, 5, 5, 5)`; 2^16: `(8, 8, 8, 5, 5, 5)`.
        symmetric: Boolean. Whether the levels lie evenly from -1 to 1 for every number of them; otherwise an even number of
            levels has one more below 0 than above, as in the paper.
        decay: Float in [0, 1). Of the average use of the codes, which is for watching only.

    Input shape:
        Float `[batch, ..., len(levels)]`. Any numbers.

    Raises:
        ValueError: Levels that are no integers >= 2.

    Example:

    >>> quantizer = FiniteScalarQuantizer((3, 3))
    >>> codes, tokens, _ = quantizer(tf.constant([[0.1, -5.0]]))
    >>> codes.numpy().tolist(), tokens.numpy().tolist(), quantizer.decode([1]).numpy().tolist()
    ([[0.0, -1.0]], [1], [[0.0, -1.0]])

    Reference: Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple" (2023), section 3.1 and appendix A.1.
    """

    def __init__(self, levels=(8, 5, 5, 5), symmetric=False, decay=0.99, **kwargs):
        levels = tuple(levels)
        if not levels or not all(is_count(one) and one >= 2 for one in levels):
            raise ValueError(f"`levels` must be integers >= 2. Received: levels={levels}")
        super().__init__(len(levels), math.prod(levels), decay, **kwargs)
        self.levels = tuple(map(int, levels))
        self.symmetric = bool(symmetric)
        self._levels = np.array(self.levels, np.float32)
        # The first number changes fastest.
        self._steps = np.cumprod([1, *self.levels[:-1]]).astype(np.float32)

    def to_codes(self, vectors):
        places = tf.round(self._bounded(vectors))  # Whole numbers around 0, or from 0 on where symmetric.
        if self.symmetric:
            digits, codes = places, 2.0 * places / (self._levels - 1.0) - 1.0
            bounded = tf.tanh(vectors)
        else:
            half = np.floor(self._levels / 2)
            digits, codes = places + half, places / half
            bounded = self._bounded(vectors) / half
        tokens = tf.cast(tf.round(tf.reduce_sum(digits * self._steps, axis=-1)), tf.int32)
        return Quantized(straight_through(bounded, codes), tokens, tf.zeros(tf.shape(vectors)[:1]))

    def decode(self, tokens):
        return look_up(self.table(), tokens)

    def table(self):
        """All codes in the order of their tokens, a NumPy array float32 `[num_codes, size]`."""
        tokens = np.arange(self.num_codes)[:, None]
        digits = tokens // self._steps.astype(np.int64) % np.array(self.levels)
        if self.symmetric:
            return (2.0 * digits / (self._levels - 1.0) - 1.0).astype(np.float32)
        half = np.floor(self._levels / 2)
        return ((digits - half) / half).astype(np.float32)

    def _bounded(self, vectors):
        """Numbers within half a step of a level."""
        if self.symmetric:
            return (self._levels - 1.0) * (tf.tanh(vectors) + 1.0) / 2.0
        half_width = (self._levels - 1.0) * (1.0 + _EPSILON) / 2.0
        offset = np.where(self._levels % 2 == 0, 0.5, 0.0).astype(np.float32)
        return tf.tanh(vectors + np.arctanh(offset / half_width)) * half_width - offset

    def get_config(self):
        return {**super().get_config(), "levels": self.levels, "symmetric": self.symmetric}
