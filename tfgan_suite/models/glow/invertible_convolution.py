"""InvertibleConvolution: a 1x1 convolution whose kernel is stored as its LU factors."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.stable_functions import softly_bounded
from tfgan_suite.models.glow.flow_layer import (
    LARGEST_LOG_SCALE,
    FlowLayer,
    before_bound,
    num_pixels,
)


@keras.saving.register_keras_serializable("tfgan_suite")
class InvertibleConvolution(FlowLayer):
    """`x W` at each pixel, with `W = P L (U + D)`: a permutation, and learned triangular matrices.

    `factors` holds all of them but the permutation: `L` below the diagonal, `U` above it, and on it the logarithms of the
    sizes of `D`, whose signs do not change. The log-determinant is then a sum. It begins as a random rotation.

    Args:
        bounded: Boolean. Whether the logarithms of the diagonal keep within 8.
        seed: Integer. Seed of the initial rotation.

    Input shape:
        `[batch, height, width, channels]`

    Example:

    >>> layer = InvertibleConvolution(seed=1)
    >>> images = tf.random.stateless_uniform([2, 4, 4, 3], [0, 0])
    >>> bool(tf.reduce_max(tf.abs(layer.inverse(layer(images)) - images)) < 1e-5)
    True

    Reference: Kingma and Dhariwal, "Glow" (2018), section 3.2 and equation 10.
    """

    def __init__(self, bounded=True, seed=0, **kwargs):
        super().__init__(bounded, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        channels = input_shape[-1]
        rotation, _ = np.linalg.qr(np.random.default_rng(self.seed).normal(size=[channels, channels]))
        parts = split_kernel(rotation, self.bounded)
        shapes = {"factors": [channels, channels], "permutation": [channels, channels], "signs": [channels]}
        for name, shape in shapes.items():
            # A copy for each layer: Keras calls it when the weight gets its value.
            def initial(shape, dtype=None, value=parts[name]):
                return tf.constant(value, dtype or tf.float32)

            options = {"autocast": False, "trainable": name == "factors"}
            setattr(self, name, self.add_weight(name=name, shape=shape, initializer=initial, **options))

    def set_kernel(self, kernel):
        """Sets the weights so that `W` is an invertible matrix `[channels, channels]`."""
        for name, value in split_kernel(kernel, self.bounded).items():
            getattr(self, name).assign(value)

    def log_diagonal(self):
        """The logarithms of the sizes of the diagonal, float32 `[channels]`."""
        logs = tf.linalg.tensor_diag_part(tf.convert_to_tensor(self.factors))
        return softly_bounded(logs, LARGEST_LOG_SCALE) if self.bounded else logs

    def _triangles(self):
        factors = tf.convert_to_tensor(self.factors)
        below = np.tril(np.ones(factors.shape, np.float32), -1)
        lower = factors * below + np.eye(factors.shape[0], dtype=np.float32)
        log_diagonal = self.log_diagonal()
        diagonal = tf.linalg.diag(self.signs * tf.exp(log_diagonal))
        return lower, factors * below.T + diagonal, log_diagonal

    def kernel(self):
        """`W`, float32 `[channels, channels]`, and the logarithm of its determinant's size."""
        lower, upper, log_diagonal = self._triangles()
        return tf.matmul(self.permutation, tf.matmul(lower, upper)), tf.reduce_sum(log_diagonal)

    def inverse_kernel(self):
        """The inverse of `W`, by two triangular solves."""
        lower, upper, _ = self._triangles()
        solved = tf.linalg.triangular_solve(lower, tf.transpose(self.permutation), lower=True)
        return tf.linalg.triangular_solve(upper, solved, lower=False)

    def forward(self, images, training=False, initialize=False):
        kernel, log_det = self.kernel()
        return tf.nn.conv2d(images, kernel[None, None], 1, "VALID"), num_pixels(images) * log_det

    def inverse(self, images):
        return tf.nn.conv2d(images, self.inverse_kernel()[None, None], 1, "VALID")

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def split_kernel(kernel, bounded):
    """The weights of a kernel, a dict of float32 arrays: `factors`, `permutation` and `signs`."""
    permutation, lower, upper = _lu(np.asarray(kernel, np.float64))
    diagonal = np.diag(upper)
    logs = np.log(np.abs(diagonal))
    logs = before_bound(logs, LARGEST_LOG_SCALE).numpy() if bounded else logs
    factors = np.tril(lower, -1) + np.triu(upper, 1) + np.diag(logs)
    parts = {"factors": factors, "permutation": permutation, "signs": np.sign(diagonal)}
    return {name: part.astype(np.float32) for name, part in parts.items()}


def _lu(matrix):
    """`P`, `L` and `U` with `matrix = P L U`, each pivot the largest of its column."""
    factors, order = matrix.copy(), np.arange(len(matrix))
    for column in range(len(matrix)):
        pivot = column + np.argmax(np.abs(factors[column:, column]))
        for rows in (factors, order):
            rows[[column, pivot]] = rows[[pivot, column]]
        if not abs(factors[column, column]) > 0.0:
            raise UserError("The kernel of an invertible convolution must be invertible. Received a singular matrix.")
        below = slice(column + 1, None)
        factors[below, column] /= factors[column, column]
        factors[below, below] -= np.outer(factors[below, column], factors[column, below])
    identity = np.eye(len(matrix))
    return identity[order].T, np.tril(factors, -1) + identity, np.triu(factors)
