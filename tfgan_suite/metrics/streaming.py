"""Scores as Keras metrics: gathered inside `tf.function` and on several replicas, in memory that does not grow.

The kernel distance has none: its cubic kernel needs all rows, and an estimate by batches would depend on the batch
size. `KernelDistance` and `kernel_distance` keep the rows.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.frechet_distance import frechet_distance_from_moments


class StreamingMetric(keras.metrics.Metric):
    """A Keras metric whose state are sums in float64, so that neither batches nor replicas matter.

    Update it in a replica or outside, inside a graph or outside; read `result` outside of replicas.
    """

    def _add_sum(self, name: str, shape: tuple[int, ...]):
        return self.add_variable(shape, "zeros", dtype="float64", name=name)

    def _compute(self, function) -> tf.Tensor:
        """`function` of the state as NumPy arrays. It runs in NumPy inside a graph as well, not under XLA."""
        state = [tf.convert_to_tensor(variable) for variable in self.variables]
        if tf.executing_eagerly():
            return tf.constant(function(*(np.asarray(array) for array in state)), tf.float64)
        result = tf.numpy_function(lambda *arrays: np.float64(function(*arrays)), state, tf.float64)
        return tf.ensure_shape(result, [])


def _check_batch(rows, name: str, width: int) -> tf.Tensor:
    """float64 [batch, width]."""
    rows = tf.convert_to_tensor(rows)
    if not rows.dtype.is_floating:
        raise UserError(f"{name.capitalize()} must be floating-point. Received: dtype={rows.dtype.name}")
    if not rows.shape.is_compatible_with([None, width]):
        raise UserError(f"{name.capitalize()} must be [batch, {width}]. Received: shape={tuple(rows.shape)}")
    return tf.cast(rows, tf.float64)


class StreamingFrechetDistance(StreamingMetric):
    """`frechet_distance` of features that pass batch by batch, in memory of O(num_features^2).

    Sums of outer products are taken around zero. Float64 keeps the distance to 1e-6 or better for features whose mean is up
    to some thousand times their deviation; beyond that, use `frechet_distance`.

    Args:
        num_features: Integer >= 1. Dimensions of the features.
        name: String. The name of the metric.

    Example:

    >>> metric = StreamingFrechetDistance(num_features=4)
    >>> features = np.random.default_rng(0).normal(size=(100, 4))
    >>> metric.update_state(features[:50], features[:50] + 1)
    >>> metric.update_state(features[50:], features[50:] + 1)
    >>> round(float(metric.result()), 6)
    4.0

    Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", section 2.
    """

    def __init__(self, num_features: int, name: str = "frechet_distance"):
        super().__init__(name=name, dtype="float64")
        if num_features < 1:
            raise UserError(f"`num_features` must be >= 1. Received: num_features={num_features}")
        self.num_features = num_features
        self._moments = {}
        for side in ("real", "fake"):
            self._moments[side] = (
                self._add_sum(f"{side}_count", ()),
                self._add_sum(f"{side}_sum", (num_features,)),
                self._add_sum(f"{side}_products", (num_features, num_features)),
            )

    def update_state(self, real, fake):
        """Adds features of real and of fake images, each floating point [batch, num_features] or `None`.

        Raises:
            UserError: Another dtype or shape.
        """
        for side, rows in (("real", real), ("fake", fake)):
            if rows is None:
                continue
            rows = _check_batch(rows, f"{side} features", self.num_features)
            count, total, products = self._moments[side]
            count.assign_add(tf.cast(tf.shape(rows)[0], tf.float64))
            total.assign_add(tf.reduce_sum(rows, axis=0))
            products.assign_add(tf.matmul(rows, rows, transpose_a=True))

    def result(self):
        """The distance, float64.

        Raises:
            UserError: Fewer than two rows of a side, NaN or infinity were seen. Inside a graph TensorFlow's own error with
                the same message.
        """
        return self._compute(lambda *state: frechet_distance_from_moments(*state))

    def get_config(self):
        return {"num_features": self.num_features, "name": self.name}


class StreamingInceptionScore(StreamingMetric):
    """`inception_score` with one split, of logits that pass batch by batch.

    Args:
        num_classes: Integer >= 2. The number of classes of the classifier.
        name: String. The name of the metric.

    Example:

    >>> metric = StreamingInceptionScore(num_classes=4)
    >>> metric.update_state(np.eye(4) * 100.0)
    >>> round(float(metric.result()), 6)
    4.0

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs", section 4.
    """

    def __init__(self, num_classes: int, name: str = "inception_score"):
        super().__init__(name=name, dtype="float64")
        if num_classes < 2:
            raise UserError(f"`num_classes` must be >= 2. Received: num_classes={num_classes}")
        self.num_classes = num_classes
        self._count = self._add_sum("count", ())
        self._probabilities = self._add_sum("probabilities", (num_classes,))
        self._negative_entropy = self._add_sum("negative_entropy", ())

    def update_state(self, logits):
        """Adds logits before softmax, floating point [batch, num_classes].

        Raises:
            UserError: Another dtype or shape.
        """
        logits = _check_batch(logits, "logits", self.num_classes)
        log_probabilities = tf.nn.log_softmax(logits)
        probabilities = tf.exp(log_probabilities)
        self._count.assign_add(tf.cast(tf.shape(logits)[0], tf.float64))
        self._probabilities.assign_add(tf.reduce_sum(probabilities, axis=0))
        self._negative_entropy.assign_add(tf.reduce_sum(probabilities * log_probabilities))

    def result(self):
        """The score, float64.

        Raises:
            UserError: No rows, NaN or infinity were seen. Inside a graph TensorFlow's own error with the same message.
        """
        return self._compute(_score_of_sums)

    def get_config(self):
        return {"num_classes": self.num_classes, "name": self.name}


def _score_of_sums(count: np.ndarray, probabilities: np.ndarray, negative_entropy: np.ndarray) -> float:
    if not count or not np.isfinite(negative_entropy):
        raise UserError(
            f"Logits must be finite, of at least one row. Received: {int(count)} rows, or NaN or infinity in some"
        )
    marginal = probabilities / count
    seen = marginal > 0  # A class whose probability has underflowed in every row adds nothing.
    return float(np.exp(negative_entropy / count - (marginal[seen] * np.log(marginal[seen])).sum()))
