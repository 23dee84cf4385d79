"""What keeps the latents of a variational model close to their prior. Objects for `compile`."""

import math

import keras
import tensorflow as tf

from tfgan_suite.engine.schedule import Schedule, number_from_config, number_to_config, value_now
from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.foundation.randomness import fold, normal, uniform


def normal_divergence(mean, log_deviation, prior_mean=0.0, prior_log_deviation=0.0):
    """KL(q || p) of two normal distributions, in nats, for each latent.

    Args:
        mean: Float tensor. The mean of q.
        log_deviation: Float tensor of the same shape. The logarithm of its standard deviation.
        prior_mean: Float or tensor. The mean of p.
        prior_log_deviation: Float or tensor. The logarithm of its standard deviation.

    Returns:
        Float tensor of the same shape.

    Example:

    >>> float(normal_divergence(tf.constant(2.0), tf.constant(0.0)))
    2.0
    """
    deviation_ratio = tf.exp(2.0 * (log_deviation - prior_log_deviation))
    distance = tf.square((mean - prior_mean) * tf.exp(-prior_log_deviation))
    return 0.5 * (deviation_ratio + distance - 1.0) - (log_deviation - prior_log_deviation)


@keras.saving.register_keras_serializable("tfgan_suite")
class KLDivergence:
    """`weight * sum(max(KL of a latent, free_nats))`: the rate of a variational model, as far as it is trained on.

    With a weight of 1 and no free nats, rate and distortion make up the bound of the likelihood. While they differ, what is
    minimized is not that bound; `bits_per_dimension`, `rate` and `distortion` in the logs are always those of the bound.

    Args:
        weight: Float >= 0, or a `Schedule`. The beta of beta-VAE; `LinearSchedule(0.0, 1.0, examples)` ramps it up, so that the
            decoder learns to use the latents before they become expensive.
        free_nats: Float >= 0. Nats that each latent has free: below them its divergence is not reduced further.

    Raises:
        ValueError: An argument out of range.

    Example:

    >>> divergence = KLDivergence(free_nats=0.5)
    >>> divergence([tf.constant([[0.1, 2.0]])]).numpy().tolist()
    [2.5]

    Reference: Higgins et al., "beta-VAE" (2017), equation 4; Kingma et al., "Improving Variational Inference with Inverse
    Autoregressive Flow" (2016), appendix C.8, whose free bits are of the mean over a batch, ours of each image.
    """

    def __init__(self, weight=1.0, free_nats=0.0):
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(f"`weight` must be >= 0 or a `Schedule`. Received: weight={weight!r}")
        if not is_number(free_nats) or free_nats < 0:
            raise ValueError(f"`free_nats` must be >= 0. Received: free_nats={free_nats!r}")
        self.weight = weight
        self.free_nats = float(free_nats)

    def __call__(self, divergences):
        """What is minimized, in nats of an image.

        Args:
            divergences: List of float32 `[batch, ...]`. The divergence of each latent.

        Returns:
            float32 `[batch]`.
        """
        if self.free_nats:
            divergences = [tf.maximum(divergence, self.free_nats) for divergence in divergences]
        sums = [tf.reduce_sum(one, axis=list(range(1, one.shape.rank))) for one in divergences]
        return tf.cast(value_now(self.weight), tf.float32) * tf.add_n(sums)

    def get_config(self):
        return {"weight": number_to_config(self.weight), "free_nats": self.free_nats}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "weight": number_from_config(config["weight"])})


@keras.saving.register_keras_serializable("tfgan_suite")
class MaximumMeanDiscrepancy:
    """`weight * MMD^2` between the latents of all images together and the prior, beside the divergence of each image.

    It lets single images keep latents that say much, as long as all of them together look like the prior. With random features
    of the kernel `exp(-|a - b|^2 / size of a latent)`, it is the distance between two means, so that replicas and microbatches
    need no more than to add up.

    Args:
        weight: Float >= 0, or a `Schedule`.
        num_features: Integer >= 1. Random features that stand for the kernel. They are the same in every step.
        seed: Integer. Their seed.

    Raises:
        ValueError: An argument out of range.

    Reference: Zhao et al., "InfoVAE" (2019), section 3.2; Rahimi and Recht, "Random Features for Large-Scale Kernel Machines"
    (2007).
    """

    def __init__(self, weight=1.0, num_features=256, seed=0):
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(f"`weight` must be >= 0 or a `Schedule`. Received: weight={weight!r}")
        if not is_count(num_features):
            raise ValueError(f"`num_features` must be an integer >= 1. Received: num_features={num_features!r}")
        self.weight = weight
        self.num_features = int(num_features)
        self.seed = int(seed)

    def features(self, latents):
        """Random features of latents, float32 `[batch, size]` to `[batch, num_features]`."""
        frequencies, phases = self._draw(latents.shape[-1])
        return tf.cos(tf.matmul(latents, frequencies) + phases) * math.sqrt(2.0 / self.num_features)

    def __call__(self, features, size):
        """What is minimized, for each image of a replica's batch.

        Args:
            features: float32 `[batch, num_features]`, of the latents of all images of this replica.
            size: Integer. The length of a latent.

        Returns:
            float32 `[batch]`. Its mean over the global batch is `weight * MMD^2`, its gradient that of it.
        """
        frequencies, phases = self._draw(size)
        decay = tf.exp(-0.5 * tf.reduce_sum(tf.square(frequencies), axis=0))
        differences = features - tf.cos(phases) * decay * math.sqrt(2.0 / self.num_features)  # From the prior's mean.
        mean = tf.reduce_mean(tf.stop_gradient(differences), axis=0)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            mean = context.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
        products = 2.0 * tf.linalg.matvec(differences, mean) - tf.reduce_sum(tf.square(mean))
        return tf.cast(value_now(self.weight), tf.float32) * products

    def _draw(self, size):
        """Frequencies `[size, num_features]` and phases `[num_features]`."""
        frequencies = normal([size, self.num_features], fold(self.seed, "frequencies"))
        phases = uniform([self.num_features], fold(self.seed, "phases"), 0.0, 2.0 * math.pi)
        return frequencies * math.sqrt(2.0 / size), phases

    def get_config(self):
        return {"weight": number_to_config(self.weight), "num_features": self.num_features, "seed": self.seed}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "weight": number_from_config(config["weight"])})


def check_divergence(divergence):
    """Returns a `KLDivergence`, and raises a `ValueError` for anything else."""
    if not isinstance(divergence, KLDivergence):
        raise ValueError(
            "`divergence` must be a divergences.KLDivergence, such as KLDivergence(weight=4.0). Received: "
            f"divergence={divergence!r}"
        )
    return divergence
