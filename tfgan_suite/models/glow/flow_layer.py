"""FlowLayer: base of the layers of a flow, which can be run in both directions."""

import keras
import tensorflow as tf

# What keeps samples finite at every stage of training. Nothing that data make comes near any of these: activations of a
# flow are of about unit size.
# Logarithms of the scales of actnorm and of priors keep within these bounds, softly.
LARGEST_LOG_SCALE = 8.0
# Networks of couplings see values up to this size, so that what they add is bounded.
LARGEST_INPUT = 32.0
# Beyond this size the inverse goes on from the bound: it is what is left of a product of many scales.
LARGEST_STATE = 1e6


class FlowLayer(keras.layers.Layer):
    """An invertible layer of images of one size.

    A flow computes in float32 whatever the policy; only networks inside of couplings follow it, and only in training.

    Args:
        bounded: Boolean. Whether scales keep within bounds; without, the layer is its paper's.
    """

    def __init__(self, bounded=True, **kwargs):
        super().__init__(**kwargs)
        self.bounded = bounded

    def forward(self, images, training=False, initialize=False):
        """Towards the latents.

        Args:
            images: float32 `[batch, height, width, channels]`.
            training: Boolean.
            initialize: Boolean. Whether weights are set from these images first, eagerly.

        Returns:
            float32 of the same shape, and the log-determinant of the Jacobian, float32 `[]` or `[batch]`.
        """
        raise NotImplementedError

    def inverse(self, images):
        """Towards the images, float32 of the same shape."""
        raise NotImplementedError

    def call(self, images, training=False):
        return self.forward(images, training)[0]

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "bounded": self.bounded}


def before_bound(values, bound):
    """What `softly_bounded` makes these values of; those beyond the bound come near to it."""
    return bound * tf.atanh(tf.clip_by_value(values / bound, -0.98, 0.98))


def num_pixels(images):
    """Float. Height times width."""
    return float(images.shape[1] * images.shape[2])
