"""gelu: the Gaussian error linear unit, with a gradient of few passes over memory."""

import math

import tensorflow as tf


@tf.custom_gradient
def gelu(values):
    """The exact GELU, by the error function, which every exporter knows.

    Example:

    >>> [round(value, 4) for value in gelu(tf.constant([1.0, -1.0])).numpy().tolist()]
    [0.8413, -0.1587]

    Reference: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016), section 2.
    """
    # In this form LiteRT's converter knows it as GELU. It has no error function by itself.
    twice_the_share = 1.0 + tf.math.erf(values * math.sqrt(0.5))

    def gradient(upstream):
        density = tf.exp(-0.5 * tf.square(values)) * (1.0 / math.sqrt(2.0 * math.pi))
        return upstream * (0.5 * twice_the_share + values * density)

    return 0.5 * values * twice_the_share, gradient
