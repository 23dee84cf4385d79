"""A layer that normalizes vectors to unit mean square: the pixels of ProGAN, the latents of StyleGAN2."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class PixelNormalization(keras.layers.Layer):
    """Divides each vector along the last axis by its root mean square, in float32.

    Args:
        epsilon: Float. Added to the mean square to avoid division by zero.

    Example:

    >>> PixelNormalization()(np.array([[2.0, -2.0, 2.0, -2.0]], "float32")).numpy().tolist()
    [[1.0, -1.0, 1.0, -1.0]]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 4.2.
    """

    def __init__(self, epsilon=1e-8, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        inputs = tf.cast(inputs, tf.float32)
        mean_square = tf.reduce_mean(tf.square(inputs), axis=-1, keepdims=True)
        return tf.cast(inputs * tf.math.rsqrt(mean_square + self.epsilon), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
