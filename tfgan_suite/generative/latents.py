"""Where latents come from, and paths between them."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation import randomness


class LatentDistribution:
    """A distribution of latents: passive, seeded at each call.

    Attributes:
        on_a_shell: Whether nearly all latents have about the same length, so that ways between them keep it.
    """

    on_a_shell = False

    def sample(self, shape, seed, truncation=1.0):
        """Draws latents.

        Args:
            shape: `[batch_size, latent_size]`, ints or integer scalar tensors.
            seed: int32 `[2]`.
            truncation: Float or float scalar in [0, 1]; 1 leaves the distribution as in training, less draws nearer to
                its centre: fewer odd pictures, less variety.

        Returns:
            float32 of `shape`.
        """
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("tfgan_suite")
class Uniform(LatentDistribution):
    """Uniform on [-1, 1): DCGAN's latents. Truncation narrows the range.

    Reference: Radford et al., "Unsupervised Representation Learning with DCGANs" (2016), section 4.
    """

    def sample(self, shape, seed, truncation=1.0):
        return truncation * randomness.uniform(shape, seed, low=-1.0, high=1.0)


@keras.saving.register_keras_serializable("tfgan_suite")
class Normal(LatentDistribution):
    """Standard normal. Truncation lowers the standard deviation."""

    on_a_shell = True

    def sample(self, shape, seed, truncation=1.0):
        return truncation * randomness.normal(shape, seed)


@keras.saving.register_keras_serializable("tfgan_suite")
class TruncatedNormal(LatentDistribution):
    """Standard normal in training. Truncation draws values that lie beyond a bound again: BigGAN's truncation trick.

    The bound is `threshold * truncation`. What is left when all values beyond it are drawn again is the normal
    distribution cut off there, so that one draw through its inverse distribution function does.

    Args:
        threshold: The bound as `truncation` comes near 1, > 0. At 1 itself there is none.

    Example:

    >>> values = TruncatedNormal().sample([100, 4], randomness.fold(0), truncation=0.25)
    >>> bool(np.abs(values).max() <= 0.5)
    True

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), section 3.1.
    """

    on_a_shell = True

    def __init__(self, threshold=2.0):
        if threshold <= 0:
            raise ValueError(f"`threshold` must be > 0. Received: threshold={threshold}")
        self.threshold = float(threshold)

    def sample(self, shape, seed, truncation=1.0):
        truncation = tf.convert_to_tensor(truncation, tf.float32)
        return self._draw(shape, seed, tf.where(truncation < 1.0, self.threshold * truncation, np.float32(np.inf)))

    def _draw(self, shape, seed, bound):
        """Standard normal values, those beyond the bound drawn again."""
        # The distribution function at -bound, and what lies between there and +bound: 0 and 1 without a bound.
        below, within = 0.5 * tf.math.erfc(bound / np.sqrt(2.0)), tf.math.erf(bound / np.sqrt(2.0))
        # Half a step up, as in `randomness.normal`: neither end is met, for both may be infinite.
        share = randomness.uniform(shape, seed) + 2.0**-24
        return tf.clip_by_value(tf.math.ndtri(below + within * share), -bound, bound)

    def get_config(self):
        return {"threshold": self.threshold}


@keras.saving.register_keras_serializable("tfgan_suite")
class ScaledTruncatedNormal(TruncatedNormal):
    """Standard normal with values beyond a bound drawn again, times the truncation: how TF-Hub's BigGANs are sampled.

    Args:
        threshold: The bound before the multiplication, whatever the truncation, > 0.

    Example:

    >>> values = ScaledTruncatedNormal().sample([100, 4], randomness.fold(0), truncation=0.25)
    >>> bool(np.abs(values).max() <= 0.5)
    True

    Reference: The modules' demonstration, "BigGAN TF Hub Demo" (2018).
    """

    def sample(self, shape, seed, truncation=1.0):
        return tf.convert_to_tensor(truncation, tf.float32) * self._draw(shape, seed, tf.constant(self.threshold))


def interpolate(start: np.ndarray, end: np.ndarray, steps: int, spherical: bool = False) -> np.ndarray:
    """Latents on the way from `start` to `end`, both included.

    Args:
        start: float `[*latent_shape]`.
        end: The same.
        steps: How many, >= 2.
        spherical: Along the great circle, with the length changing linearly: right for normal latents, whose mass
            lies on a shell (White, "Sampling Generative Networks" (2016), section 2). Otherwise a straight line.

    Returns:
        float32 `[steps, *latent_shape]`.

    Example:

    >>> interpolate(np.zeros(2), np.ones(2), steps=3).tolist()
    [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
    """
    if steps < 2:
        raise ValueError(f"`steps` must be >= 2, to include both ends. Received: steps={steps}")
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    fractions = np.linspace(0.0, 1.0, steps).reshape([steps] + [1] * start.ndim)
    if not spherical:
        return ((1.0 - fractions) * start + fractions * end).astype(np.float32)
    lengths = np.linalg.norm(start.ravel()), np.linalg.norm(end.ravel())
    cosine = np.clip(np.vdot(start, end) / max(lengths[0] * lengths[1], 1e-12), -1.0, 1.0)
    angle = np.arccos(cosine)
    if angle < 1e-6 or np.pi - angle < 1e-6:  # No unique great circle.
        return interpolate(start, end, steps)
    directions = (
        np.sin((1.0 - fractions) * angle) * start / lengths[0] + np.sin(fractions * angle) * end / lengths[1]
    ) / np.sin(angle)
    return (directions * ((1.0 - fractions) * lengths[0] + fractions * lengths[1])).astype(np.float32)
