"""Centering and Logit: how a flow begins with dequantized images."""

import math

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softplus
from tfgan_suite.models.glow.flow_layer import FlowLayer


@keras.saving.register_keras_serializable("tfgan_suite")
class Centering(FlowLayer):
    """Images in [-1, 1) as values in [-0.5, 0.5)."""

    def forward(self, images, training=False, initialize=False):
        return 0.5 * images, tf.constant(-math.log(2.0) * math.prod(images.shape[1:]), tf.float32)

    def inverse(self, images):
        return 2.0 * images


@keras.saving.register_keras_serializable("tfgan_suite")
class Logit(FlowLayer):
    """Images in [-1, 1) as logits `log(p / (1 - p))` of `p = (range * x + 1) / 2`, which has no edges.

    Args:
        range: Float in (0, 1). The share of the unit interval that images take.

    Example: the edges are undone as well.

    >>> images = tf.constant([-1.0, 0.0, 0.99], shape=[1, 1, 3, 1])
    >>> layer = Logit(0.9)
    >>> bool(tf.reduce_max(tf.abs(layer.inverse(layer(images)) - images)) < 1e-6)
    True

    Reference: Dinh et al., "Density estimation using Real NVP" (2017), section 4.1.
    """

    def __init__(self, range=0.9, **kwargs):
        super().__init__(**kwargs)
        self.range = range

    def forward(self, images, training=False, initialize=False):
        share = 0.5 * (self.range * images + 1.0)
        logits = tf.math.log(share) - tf.math.log(1.0 - share)
        changes = softplus(logits) + softplus(-logits) + math.log(0.5 * self.range)
        return logits, tf.reduce_sum(changes, axis=[1, 2, 3])

    def inverse(self, images):
        return (2.0 * tf.sigmoid(images) - 1.0) / self.range

    def get_config(self):
        return {**super().get_config(), "range": self.range}
