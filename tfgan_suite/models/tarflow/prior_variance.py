"""PriorVariance: how large the values are that a flow without scales makes of images."""

import keras
import tensorflow as tf

from tfgan_suite.layers.replicated_state import replicated_state

_DECAY = 0.9


@keras.saving.register_keras_serializable("tfgan_suite")
class PriorVariance(keras.layers.Layer):
    """The mean square of each value of each token, by which standard normal latents are scaled. It begins with 1.

    A flow that preserves volumes cannot make its values of unit size.

    Input shape:
        `[batch, tokens, size]`

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024), section 2.2, with the average of the
    authors' code.
    """

    def build(self, input_shape):
        self.variance = replicated_state("variance", input_shape[1:], "ones")

    def call(self, tokens):
        return tokens / tf.sqrt(self.variance)

    def undo(self, latents):
        """The tokens of standard normal latents."""
        return latents * tf.sqrt(self.variance)

    def log_det(self):
        """The log-determinant of the Jacobian of `call`, float32 `[]`."""
        return -0.5 * tf.reduce_sum(tf.math.log(tf.convert_to_tensor(self.variance)))

    def move(self, squares):
        """Moves the average to the mean squares of a step, float32 `[tokens, size]`, the same in every replica."""
        self.variance.assign(_DECAY * self.variance + (1.0 - _DECAY) * squares)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
