"""Linear: a dense layer in the dtype of its inputs."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class Linear(keras.layers.Layer):
    """`x W + b` along the last axis, in the dtype of `x`: whoever calls it chooses the precision.

    Weights begin uniform within one over the root of the inputs' number, as in the authors' code.

    Args:
        units: Integer >= 1. Length of an output.
        zeros: Boolean. Whether all weights begin at zero instead.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        `[..., size]`

    Output shape:
        `[..., units]`
    """

    def __init__(self, units, zeros=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.zeros = zeros
        self.seed = seed

    def build(self, input_shape):
        limit = input_shape[-1] ** -0.5
        for index, (name, shape) in enumerate({"kernel": [input_shape[-1], self.units], "bias": [self.units]}.items()):
            uniform = keras.initializers.RandomUniform(-limit, limit, seed=self.seed + index)
            initializer = "zeros" if self.zeros else uniform
            setattr(self, name, self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False))

    def call(self, inputs):
        # As a matrix whatever the rank: one product, and no reshaping of what is one already.
        rows = inputs if inputs.shape.rank == 2 else tf.reshape(inputs, [-1, inputs.shape[-1]])
        outputs = tf.nn.bias_add(tf.matmul(rows, tf.cast(self.kernel, inputs.dtype)), tf.cast(self.bias, inputs.dtype))
        return outputs if rows is inputs else tf.reshape(outputs, [-1, *inputs.shape[1:-1], self.units])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "zeros": self.zeros, "seed": self.seed}
