"""Noise maps as unknowns: what keeps a picture's signal out of them while they are searched for."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold, normal

_SMALLEST_SIZE = 8


class NoiseMaps:
    """A generator's noise maps as variables, one for each convolution that takes noise.

    Args:
        generator: A generator with `noise_shapes`.
        seed: Of the maps at the start, standard normal.

    Attributes:
        variables: float32 `[1, height, width, 1]`, from the coarsest on.

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), appendix D.
    """

    def __init__(self, generator, seed=0):
        self.variables = [
            keras.Variable(normal([1, *shape, 1], fold(seed, "noise_maps", index)), name=f"noise_{index}")
            for index, shape in enumerate(generator.noise_shapes)
        ]

    def tensors(self):
        return [tf.convert_to_tensor(variable) for variable in self.variables]

    def normalize(self):
        """Back to mean 0 and variance 1, as after each step of the paper's search."""
        for variable in self.variables:
            noise = tf.convert_to_tensor(variable)
            mean, variance = tf.nn.moments(noise, axes=[0, 1, 2, 3])
            variable.assign((noise - mean) * tf.math.rsqrt(variance + 1e-8))


def noise_correlation(noise):
    """How much neighbours in a map are alike, at its own size and at each half down to 8 pixels: 0 for white noise.

    Equation of appendix D: the squared means of the products with the map moved by one pixel, along each axis.

    Args:
        noise: float32 `[1, height, width, 1]`, mean 0 and variance 1.

    Returns:
        A float32 scalar.
    """
    total = tf.constant(0.0)
    while True:
        for axis in (1, 2):
            total += tf.square(tf.reduce_mean(noise * tf.roll(noise, 1, axis)))
        if min(noise.shape[1:3]) <= _SMALLEST_SIZE:
            return total
        noise = 2.0 * tf.nn.avg_pool2d(noise, 2, 2, "VALID")  # Doubled: the variance stays 1.
