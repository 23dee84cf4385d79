"""Noise maps as variables of an optimization, and the regularization that keeps image content out of them."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold, normal

_SMALLEST_SIZE = 8


class NoiseMaps:
    """A generator's noise maps as variables, one for each convolution with noise.

    Args:
        generator: A generator with `noise_shapes`.
        seed: Integer. Seed for the initial maps, which are standard normal.

    Attributes:
        variables: List of float32 variables `[1, height, width, 1]`, coarsest first.

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
        """Normalizes the maps to mean 0 and variance 1, as the paper does after each step."""
        for variable in self.variables:
            noise = tf.convert_to_tensor(variable)
            mean, variance = tf.nn.moments(noise, axes=[0, 1, 2, 3])
            variable.assign((noise - mean) * tf.math.rsqrt(variance + 1e-8))


def noise_correlation(noise):
    """Measures the correlation between neighboring pixels of a noise map, which is 0 for white noise.

    The map is measured at its own size, and repeatedly at half the size, down to 8 pixels. At each size, the
    correlation along an axis is the squared mean of the product of the map with itself, shifted by one pixel (appendix
    D).

    Args:
        noise: Float32 tensor `[1, height, width, 1]` with mean 0 and variance 1.

    Returns:
        A float32 scalar tensor.
    """
    total = tf.constant(0.0)
    while True:
        for axis in (1, 2):
            total += tf.square(tf.reduce_mean(noise * tf.roll(noise, 1, axis)))
        if min(noise.shape[1:3]) <= _SMALLEST_SIZE:
            return total
        noise = 2.0 * tf.nn.avg_pool2d(noise, 2, 2, "VALID")  # Doubling keeps the variance at 1.
