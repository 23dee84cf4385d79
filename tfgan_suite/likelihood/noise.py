"""Noise of a batch: in training by the step, in likelihoods by the image itself."""

import math

import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, fold, normal, uniform
from tfgan_suite.likelihood.stable_functions import normal_probability

# Uniform draws keep this distance from 0 and 1, whose logarithms they are for.
UNIFORM_MARGIN = 1e-5


class BatchNoise:
    """Draws of a training step or of a sampled batch: row i depends on the seed and i, on no number of replicas or slices.

    Args:
        seed: int32 `[2]`.
        batch_size: Integer or int32 scalar.
    """

    def __init__(self, seed, batch_size):
        self._seed, self._batch_size = seed, batch_size

    def normal(self, name, shape):
        """Standard normal draws, float32 `[batch, *shape]`. Other names give other draws."""
        return self._draw(normal, name, shape)

    def uniform(self, name, shape):
        """Uniform draws in (1e-5, 1 - 1e-5), float32 `[batch, *shape]`."""
        return self._draw(_open_uniform, name, shape)

    def _draw(self, draw, name, shape):
        return draw_per_example(
            lambda count, seed: draw([count, *shape], seed), self._batch_size, fold(self._seed, name)
        )


class ExampleNoise:
    """Draws that depend on each example itself, and on no other example of its batch.

    A likelihood that needs draws is then a function of the weights, the image and the seed.

    Args:
        seeds: int32 `[batch, 2]`, as `seeds_of_levels` gives them.
    """

    def __init__(self, seeds):
        self._seeds = seeds

    def normal(self, name, shape):
        """Standard normal draws, float32 `[batch, *shape]`. Other names give other draws."""
        return self._draw(normal, name, shape)

    def uniform(self, name, shape):
        """Uniform draws in (1e-5, 1 - 1e-5), float32 `[batch, *shape]`."""
        return self._draw(_open_uniform, name, shape)

    def sample(self, index):
        """The noise of another sample for the same examples. `index` is an integer or int32 scalar."""
        return ExampleNoise(tf.map_fn(lambda seed: fold(seed, "sample", index), self._seeds))

    def _draw(self, draw, name, shape):
        shape = [int(size) for size in shape]
        return tf.map_fn(
            lambda seed: draw(shape, fold(seed, name)),
            self._seeds,
            fn_output_signature=tf.TensorSpec(shape, tf.float32),
        )


class GivenNoise:
    """Standard normal draws that are given: each name gets the next ones.

    Args:
        draws: float32 `[batch, size]`.
    """

    def __init__(self, draws):
        self._draws, self._end = draws, 0

    def normal(self, name, shape):
        """The next standard normal draws, float32 `[batch, *shape]`."""
        start, self._end = self._end, self._end + math.prod(shape)
        return tf.reshape(self._draws[:, start : self._end], [-1, *shape])

    def uniform(self, name, shape):
        """Uniform draws in [1e-5, 1 - 1e-5] of the next normal ones, float32 `[batch, *shape]`."""
        return tf.clip_by_value(normal_probability(self.normal(name, shape)), UNIFORM_MARGIN, 1.0 - UNIFORM_MARGIN)


def seeds_of_levels(levels, seed):
    """A seed for each image, derived from its levels and a base seed.

    Args:
        levels: int32 `[batch, ...]`.
        seed: Integer, or an integer scalar.

    Returns:
        int32 `[batch, 2]`.
    """
    flat = tf.reshape(levels, [tf.shape(levels)[0], -1])
    size = tf.shape(flat)[1]
    # Two sums of levels times odd pseudorandom numbers, by the position; int32 wraps around.
    factors = tf.random.stateless_uniform(
        [2, size], [0x5EED, 1], minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    factors = tf.bitwise.bitwise_or(factors, 1)
    sums = tf.reduce_sum((flat + 1)[:, None, :] * factors[None], axis=2)  # [batch, 2]
    base = fold(seed, "likelihood")
    return tf.map_fn(lambda own: fold(base, own[0], own[1]), sums)


def _open_uniform(shape, seed):
    return uniform(shape, seed, UNIFORM_MARGIN, 1.0 - UNIFORM_MARGIN)
