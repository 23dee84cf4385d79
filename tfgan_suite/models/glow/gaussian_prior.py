"""SplitPrior and TopPrior: the normal distributions of a flow's latents."""

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softly_bounded
from tfgan_suite.models.glow.actnorm import LOG_SCALE_FACTOR
from tfgan_suite.models.glow.flow_layer import LARGEST_LOG_SCALE
from tfgan_suite.models.glow.scaled_convolution import ScaledConvolution


class GaussianPrior(keras.layers.Layer):
    """Base: a mean and a deviation for each value, by which latents are standardized.

    Args:
        learned: Boolean. Whether they are learned, or 0 and 1.
        bounded: Boolean. Whether the logarithm of the deviation keeps within 8.
    """

    def __init__(self, learned=True, bounded=True, **kwargs):
        super().__init__(**kwargs)
        self.learned = learned
        self.bounded = bounded

    def moments(self, *context):
        """The mean and the logarithm of the deviation, or `None` if they are 0 and 1."""
        raise NotImplementedError

    def standardize(self, values, *context):
        """The latents of values, and the log-determinant of the Jacobian."""
        moments = self.moments(*context)
        if moments is None:
            return values, tf.constant(0.0)
        mean, log_deviation = moments
        log_det = -tf.reduce_sum(log_deviation, axis=[1, 2, 3])
        return (values - mean) * tf.exp(-log_deviation), log_det

    def restore(self, latents, *context):
        """The values of latents."""
        moments = self.moments(*context)
        if moments is None:
            return latents
        mean, log_deviation = moments
        return mean + latents * tf.exp(log_deviation)

    def _split(self, outputs):
        mean, log_deviation = tf.split(outputs, 2, axis=3)
        return mean, softly_bounded(log_deviation, LARGEST_LOG_SCALE) if self.bounded else log_deviation

    def call(self, values, *context):
        return self.standardize(values, *context)[0]

    def get_config(self):
        return {**super().get_config(), "learned": self.learned, "bounded": self.bounded}


@keras.saving.register_keras_serializable("tfgan_suite")
class SplitPrior(GaussianPrior):
    """Of the half of the channels that leaves, as the other half says.

    Reference: Kingma and Dhariwal, "Glow" (2018), section 3.6, with the details of the authors' code.
    """

    def build(self, input_shape):
        if self.learned:
            self.convolution = ScaledConvolution(2 * input_shape[-1], 3, zeros=True, name="convolution")
            self.convolution.build(input_shape)
            self.convolution.built = True

    def moments(self, others):
        return self._split(self.convolution.call(others)) if self.learned else None


@keras.saving.register_keras_serializable("tfgan_suite")
class TopPrior(GaussianPrior):
    """Of the channels that are left in the end: a map that differs near the border, and what a class adds.

    Args:
        num_classes: Integer, or `None`.
        **kwargs: As for `GaussianPrior`.

    The map is that of a convolution of zeros, as in the authors' code. Most of its kernel is of no effect, and counted.
    """

    def __init__(self, num_classes=None, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape):
        self.size, filters = tuple(input_shape[1:3]), 2 * input_shape[-1]
        if self.learned:
            self.convolution = ScaledConvolution(filters, 3, zeros=True, name="convolution")
            self.convolution.build((*input_shape[:-1], filters))
            self.convolution.built = True
        if self.num_classes is not None:
            shapes = {"kernel": [self.num_classes, filters], "bias": [filters], "log_scale": [filters]}
            for name, shape in shapes.items():
                weight = self.add_weight(name=f"class_{name}", shape=shape, initializer="zeros", autocast=False)
                setattr(self, f"class_{name}", weight)

    def moments(self, labels=None):
        outputs = None
        if self.learned:
            outputs = self.convolution.border_map(self.size)
        if self.num_classes is not None:
            scales = tf.exp(LOG_SCALE_FACTOR * tf.convert_to_tensor(self.class_log_scale))
            vectors = tf.matmul(tf.one_hot(labels, self.num_classes), self.class_kernel) + self.class_bias
            of_classes = tf.tile((vectors * scales)[:, None, None, :], [1, *self.size, 1])
            outputs = of_classes if outputs is None else outputs + of_classes
        return None if outputs is None else self._split(outputs)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
