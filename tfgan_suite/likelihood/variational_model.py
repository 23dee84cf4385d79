"""VariationalModel: base of models with latents that are inferred, trained on a lower bound of the likelihood."""

from typing import NamedTuple

import tensorflow as tf

from tfgan_suite.engine.alerts import Rule
from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.update import Objective
from tfgan_suite.generative.abilities import Reconstructs
from tfgan_suite.likelihood.divergences import KLDivergence, check_divergence
from tfgan_suite.likelihood.likelihood_model import LikelihoodModel, log_mean_exp, sum_per_image
from tfgan_suite.likelihood.noise import BatchNoise

# A latent that moves less than this many nats away from its prior says nothing about the image.
_ACTIVE_NATS = 0.01


class Bound(NamedTuple):
    """What a variational model says of a batch, with one draw of its latents.

    Attributes:
        distortion: float32 `[batch, height, width]`. `-log p(x | z)` of each pixel, in nats.
        divergences: List of float32 `[batch, ...]`. KL of each latent's posterior from its prior, in nats.
        log_ratios: List of float32 `[batch, ...]`. `log p(z) - log q(z | x)` of each latent that was drawn.
    """

    distortion: tf.Tensor
    divergences: list
    log_ratios: list


class VariationalModel(Reconstructs, LikelihoodModel):
    """A model `p(x | z) p(z)` with a network that infers z. A subclass implements `bound`.

    Its `log_prob` is the evidence lower bound with one draw of the latents and the divergences in closed form, or with
    `samples` k > 1 the importance-weighted bound `log mean(p(x, z) / q(z | x))` of k draws.

    Reference: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), equation 3; Burda et al., "Importance Weighted
    Autoencoders" (2016), equation 8.
    """

    likelihood = "lower_bound"

    def bound(self, images, labels, noise, training=False):
        """The `Bound` of images.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1] on the grid of the levels.
            labels: int32 `[batch]`, or `None`.
            noise: `BatchNoise` or `ExampleNoise`, to draw latents with.
            training: Boolean. Whether by the networks that are trained, or else by their averages.
        """
        raise NotImplementedError

    @property
    def noise_shape(self):
        return self.latent_shape

    def log_terms(self, images, labels, noise):
        bound = self.bound(images, labels, noise)
        return [-bound.distortion, *(-divergence for divergence in bound.divergences)]

    def log_mass(self, images, labels, samples, noise):
        if samples == 1:
            return super().log_mass(images, labels, samples, noise)

        def log_weight(index):
            bound = self.bound(images, labels, noise.sample(index))
            return _sum_of_all(bound.log_ratios) - sum_per_image(bound.distortion)

        # One after another: memory is that of one sample.
        weights = tf.map_fn(log_weight, tf.range(samples), fn_output_signature=tf.float64, parallel_iterations=1)
        return log_mean_exp(weights)

    # === Training ===

    divergence = KLDivergence()

    def default_training(self):
        return {**super().default_training(), "divergence": KLDivergence()}

    def compile(
        self,
        *positional,
        optimizer="auto",
        ema="auto",
        divergence="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
        **unknown,
    ):
        """Chooses how to train. `"auto"` is what the model's paper did, or its preset says.

        Args:
            optimizer: A Keras optimizer or its name.
            ema: An `ExponentialMovingAverage` of both networks. It is what is sampled, scored and exported.
            divergence: A `divergences.KLDivergence`: how the latents' divergence from the prior counts.
            microbatch_size: Integer, or `None`. Images that the networks are trained on at a time.
            steps_per_execution: Integer >= 1. Steps inside one call of the graph.
            jit_compile: Boolean. Whether to compile the step with XLA.
            run_eagerly: Boolean. For debugging.

        Raises:
            ValueError: An argument of another type, out of range, or not known.
        """
        optimizers = self.check_compile_arguments(positional, unknown, optimizer=optimizer)
        chosen = self.resolve_auto(**optimizers, ema=ema, divergence=divergence)
        self.divergence = check_divergence(chosen["divergence"])
        (update,) = {update.optimizer_name for update in self.updates()}
        self.finish_compile(
            chosen,
            {update: chosen.pop("optimizer")},
            microbatch_size=microbatch_size,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
        )

    def objective(self, batch):
        """The bound in nats per dimension, with the divergence as `compile` was told to count it."""
        noise = BatchNoise(batch.seed, tf.shape(batch.examples)[0])
        bound = self.bound(batch.examples, batch.labels, noise, training=batch.training)
        distortion = tf.reduce_sum(bound.distortion, axis=[1, 2])
        rate = tf.add_n([_sum_of_each(one) for one in bound.divergences])
        loss = (distortion + self.divergence(bound.divergences)) / float(self.num_dimensions)
        logs = {
            "bits_per_dimension": (distortion + rate) * self.bits_per_nat,
            "bits/distortion": distortion * self.bits_per_nat,
            "bits/rate": rate * self.bits_per_nat,
            "active_latents": share_active(bound.divergences),
        }
        return Objective({"loss": loss}, logs)

    @property
    def logged(self):
        """The names under which `objective` logs."""
        return ("loss", "bits_per_dimension", "bits/distortion", "bits/rate", "active_latents")

    def curves(self):
        names = {update.name for update in self.updates() if update.interval == 1}
        return [
            Chart(
                "Bits per dimension",
                {"bound": "bits_per_dimension", "distortion": "bits/distortion", "rate": "bits/rate"},
                "bits",
                "The bound of the likelihood is distortion plus rate: what the pixels cost given the latents, and what the "
                "latents cost. Lower is better.",
            ),
            Chart(
                "Share of latents in use",
                {"active": "active_latents"},
                "share",
                "A share near 0 is posterior collapse.",
            ),
            Chart("Length of the gradients", {name: f"gradient_norm/{name}" for name in sorted(names)}, "norm"),
        ]

    def progress_labels(self):
        return {"bits/dim": "bits_per_dimension", "rate": "bits/rate"}

    def stability_rules(self):
        return [*super().stability_rules(), posterior_collapse()]


def posterior_collapse():
    """The rule that the latents must not fall out of use."""
    return Rule(
        name="posterior_collapse",
        measurement="active_latents",
        below=0.002,
        patience=2,
        symptom="Hardly any latent says anything about the image: the decoder ignores them.",
        advice="KLDivergence with a weight that ramps up over the first third of training; free_nats of 0.05 to 0.5; a decoder "
        "with less freedom.",
        reason="A latent is in use above 0.01 nats. Of hierarchical models most latents are never used: the small VDVAE of the "
        "digits had one in 250 in use in its first 100 steps and one in 30 later, without collapse.",
    )


def _sum_of_each(values):
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


def _sum_of_all(parts):
    """The sum of several parts for each image, float64 `[batch]`."""
    return tf.add_n([sum_per_image(part) for part in parts])


def share_active(divergences):
    """The share of an image's latents that are in use, float32 `[batch]`."""
    flat = tf.concat([tf.reshape(one, [tf.shape(one)[0], -1]) for one in divergences], axis=1)
    return tf.reduce_mean(tf.cast(flat > _ACTIVE_NATS, tf.float32), axis=1)
