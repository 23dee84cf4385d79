"""RotaryAttention: self-attention that knows positions by rotation, whole or one position at a time."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class RotaryAttention(keras.layers.Layer):
    """Multi-head self-attention in which queries and keys are rotated by their position.

    Args:
        num_heads: Integer >= 1. It divides the width, and width over heads is even.
        length: Integer >= 1. Positions.
        causal: Boolean. Whether a position sees itself and earlier ones only.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[batch, length, width]`.

    Output shape:
        The same.

    Example:

    >>> RotaryAttention(num_heads=2, length=5)(np.zeros([3, 5, 8], "float32")).shape
    TensorShape([3, 5, 8])

    Reference: Vaswani et al., "Attention Is All You Need" (2017), section 3.2; rotation: Su et al., "RoFormer" (2021),
    equation 34, with halves in the place of neighboring pairs.
    """

    def __init__(self, num_heads, length, causal=True, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.length = length
        self.causal = causal
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        if width % (2 * self.num_heads):
            raise ValueError(
                f"The width must be a multiple of twice the {self.num_heads} heads. Received: a width of {width}"
            )
        self.head_size = width // self.num_heads
        self.to_heads = _dense(3 * width, self.seed, self.dtype_policy, "to_heads")
        self.from_heads = _dense(width, self.seed + 1, self.dtype_policy, "from_heads")
        self.to_heads.build(input_shape)
        self.from_heads.build(input_shape)
        # Angles in float64: in bfloat16 whole numbers end at 256.
        rates = 10_000.0 ** (-np.arange(0, self.head_size, 2) / self.head_size)
        angles = np.arange(self.length)[:, None] * rates  # [length, head_size / 2]
        self._cosines, self._sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def call(self, inputs):
        queries, keys, values = self._heads(inputs, self._cosines, self._sines)
        scores = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, length, length]
        if self.causal:
            visible = np.tril(np.ones([self.length, self.length], bool))
            scores = tf.where(visible, scores, -np.inf)
        return self._attend(scores, values, tf.shape(inputs))

    def step(self, inputs, position, cache):
        """One position of a causal layer.

        Args:
            inputs: Float `[batch, width]`, those at this position.
            position: int32 scalar.
            cache: Keys and values so far, two float32 tensors `[batch, heads, length, head_size]`.

        Returns:
            Outputs `[batch, width]`, and the cache with this position.
        """
        cosines, sines = tf.gather(self._cosines, position), tf.gather(self._sines, position)
        queries, *new = self._heads(inputs[:, None], cosines, sines)
        positions = tf.range(self.length)
        # Written by a choice of every element, since no slice is updated in all exports.
        here = tf.equal(positions, position)[:, None]
        keys, values = (tf.where(here, one, old) for one, old in zip(new, cache))
        scores = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, 1, length]
        scores = tf.where(positions <= position, scores, -np.inf)
        return self._attend(scores, values, [tf.shape(inputs)[0], 1, inputs.shape[-1]])[:, 0], (keys, values)

    def initial_cache(self, batch_size):
        """A cache of no positions."""
        empty = tf.zeros([batch_size, self.num_heads, self.length, self.head_size])
        return empty, empty

    def _heads(self, inputs, cosines, sines):
        """Queries, keys and values, float32 `[batch, heads, positions, head_size]`."""
        heads = tf.cast(self.to_heads(inputs), tf.float32)
        heads = tf.reshape(heads, [tf.shape(inputs)[0], tf.shape(inputs)[1], 3, self.num_heads, self.head_size])
        queries, keys, values = tf.unstack(tf.transpose(heads, [2, 0, 3, 1, 4]))
        scale = self.head_size**-0.5
        return _rotate(queries * scale, cosines, sines), _rotate(keys, cosines, sines), values

    def _attend(self, scores, values, shape):
        mixed = tf.matmul(tf.nn.softmax(scores), values)  # [batch, heads, positions, head_size]
        mixed = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), shape)
        return self.from_heads(tf.cast(mixed, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "length": self.length,
            "causal": self.causal,
            "seed": self.seed,
        }


def _rotate(vectors, cosines, sines):
    """Rotates pairs of numbers, one of each half, by the angle of their position."""
    first, second = tf.split(vectors, 2, axis=-1)
    return tf.concat([first * cosines - second * sines, first * sines + second * cosines], axis=-1)


def _dense(units, seed, dtype, name):
    initializer = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, use_bias=False, kernel_initializer=initializer, dtype=dtype, name=name)
