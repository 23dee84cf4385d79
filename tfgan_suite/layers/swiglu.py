"""SwiGLU: the feed-forward part of a transformer block, with a gate."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class SwiGLU(keras.layers.Layer):
    """`silu(x A + a) * (x B + b)`, and a dense layer back to the width of the input. A and B are one matrix, side by side.

    Args:
        hidden_size: Integer >= 1. Columns of A, and of B; by default `int(8 / 3 * width)`, with which the layer has as many
            weights as two dense layers of four widths.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[..., width]`.

    Output shape:
        The same.

    Example:

    >>> SwiGLU()(np.zeros([2, 5, 6], "float32")).shape
    TensorShape([2, 5, 6])

    Reference: Shazeer, "GLU Variants Improve Transformer" (2020), equation 6, here with biases.
    """

    def __init__(self, hidden_size=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.seed = seed

    def build(self, input_shape):
        width = input_shape[-1]
        hidden_size = self.hidden_size or int(2 / 3 * (4 * width))

        def dense(units, seed, name):
            initializer = keras.initializers.GlorotUniform(seed)
            return keras.layers.Dense(units, kernel_initializer=initializer, dtype=self.dtype_policy, name=name)

        self.expand = dense(2 * hidden_size, self.seed, "expand")
        self.reduce = dense(width, self.seed + 1, "reduce")
        self.expand.build(input_shape)
        self.reduce.build((*input_shape[:-1], hidden_size))

    def call(self, inputs):
        gates, values = tf.split(self.expand(inputs), 2, axis=-1)
        return self.reduce(tf.nn.silu(gates) * values)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "hidden_size": self.hidden_size, "seed": self.seed}
