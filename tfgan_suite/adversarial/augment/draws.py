"""The random numbers that the augmentation pipeline draws per example; its transforms are functions of them."""

import itertools
from typing import NamedTuple

import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, fold, normal, uniform

# Transforms in the paper's order: the distribution of their draws, the number of draws, and the number of gates.
_UNIFORM, _NORMAL = "uniform", "normal"
_DRAWS = {
    "x_flip": (_UNIFORM, 1, 1),
    "rotate90": (_UNIFORM, 1, 1),
    "integer_translation": (_UNIFORM, 2, 1),
    "scale": (_NORMAL, 1, 1),
    "rotation": (_UNIFORM, 2, 2),  # Before and after the anisotropic scaling.
    "anisotropic_scale": (_NORMAL, 1, 1),
    "fractional_translation": (_NORMAL, 2, 1),
    "brightness": (_NORMAL, 1, 1),
    "contrast": (_NORMAL, 1, 1),
    "luma_flip": (_UNIFORM, 1, 1),
    "hue": (_UNIFORM, 1, 1),
    "saturation": (_NORMAL, 1, 1),
    "filter": (_NORMAL, 4, 4),  # One per band.
    "noise": (_NORMAL, 1, 1),
    "cutout": (_UNIFORM, 2, 1),
}
TRANSFORMS = tuple(_DRAWS)


class Draws(NamedTuple):
    """Random numbers for one batch.

    Attributes:
        values: Dict that maps each transform to a tuple of float32 `[batch]`, uniform on [0, 1) or standard normal.
        gates: Dict that maps each transform to a tuple of float32 `[batch]`, uniform on [0, 1). A gate is open, so its
            transform is applied, where this is less than the probability.
        pixel_noise: Standard normal, float32 `[batch, height, width, channels]`; `None` if no transform adds noise.
        weights: Dict that maps transforms to factors of the probability; 1 for all others.
    """

    values: dict
    gates: dict
    pixel_noise: tf.Tensor | None = None
    weights: dict = {}

    def probability_of(self, name, probability):
        """Returns the probability of one transform, where `probability` is that of a transform of weight 1."""
        return self.weights.get(name, 1.0) * probability

    def is_open(self, name, probability, gate=0):
        """Returns whether the gate is open for each example, bool `[batch]`."""
        return self.gates[name][gate] < self.probability_of(name, probability)


def draw(image_shape, batch_size, seed, with_pixel_noise=False, weights=None):
    """Draws for all transforms, so that each transform is independent of which others are enabled.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        batch_size: Integer, or an integer scalar tensor. Number of examples on this replica.
        seed: An int32 tensor of shape `[2]`.
        with_pixel_noise: Boolean. Whether to draw noise with the shape of the images.
        weights: Dict that maps transforms to factors of the probability, or `None`.

    Returns:
        The `Draws`.
    """
    counts = [sum(count for kind, count, _ in _DRAWS.values() if kind == wanted) for wanted in (_UNIFORM, _NORMAL)]
    counts.append(sum(gates for *_, gates in _DRAWS.values()))
    percentiles = draw_per_example(
        lambda count, seed: uniform([count, sum(counts)], seed), batch_size, fold(seed, "percentiles")
    )
    uniforms, normals, gates = tf.split(percentiles, counts, axis=1)
    normals = tf.math.ndtri(normals + 2.0**-24)  # The middle of each percentile's step of 2^-23: never infinite.
    pixel_noise = None
    if with_pixel_noise:
        pixel_noise = draw_per_example(
            lambda count, seed: normal([count, *image_shape], seed), batch_size, fold(seed, "pixel_noise")
        )
    return _deal(*(iter(tf.unstack(numbers, axis=1)) for numbers in (uniforms, normals, gates)), pixel_noise, weights)


def constant_draws(batch_size, uniform_value, normal_value):
    """Returns the same numbers for every example and transform, with all gates open: one fixed point of the draws."""
    numbers = (tf.fill([batch_size], float(value)) for value in (uniform_value, normal_value, 0.0))
    return _deal(*map(itertools.repeat, numbers))


def _deal(uniforms, normals, gates, pixel_noise=None, weights=None):
    """Distributes numbers to the transforms, from iterators of `[batch]` tensors."""
    values = {
        name: tuple(itertools.islice(uniforms if kind == _UNIFORM else normals, count))
        for name, (kind, count, _) in _DRAWS.items()
    }
    gates = {name: tuple(itertools.islice(gates, count)) for name, (*_, count) in _DRAWS.items()}
    return Draws(values, gates, pixel_noise, weights or {})
