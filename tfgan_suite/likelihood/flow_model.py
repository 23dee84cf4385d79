"""FlowModel: base of normalizing flows, models that map images to latents and back without a loss."""

import math

import tensorflow as tf

from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.randomness import normal
from tfgan_suite.generative.abilities import Encodes, HasLatents, Reconstructs
from tfgan_suite.generative.encoded_interpolation import InterpolatesExamples
from tfgan_suite.generative.sampling_options import TEMPERATURE
from tfgan_suite.likelihood.level_grid import to_levels
from tfgan_suite.likelihood.likelihood_model import LikelihoodModel, log_mean_exp, sum_per_image
from tfgan_suite.likelihood.noise import BatchNoise


class FlowModel(InterpolatesExamples, HasLatents, Encodes, Reconstructs, LikelihoodModel):
    """A model whose network is invertible. Latents are standard normal, one number for each value of an image.

    A flow is a density of real numbers. A whole level v of L becomes one by adding noise u in [0, 1): `2 (v + u) / L - 1` lies in
    [-1, 1), which the L levels tile. The mean of the log-density of that bounds the log-probability of the level from below;
    `samples` k > 1 takes the logarithm of the mean of k densities, which is a tighter bound.

    A subclass has the averaged network `network`, with `forward(values, labels, training)` to latents float32
    `[batch, latent_size]` and log-determinants float32 `[batch]`, and `inverse(latents, labels)`.

    Reference: Theis et al., "A note on the evaluation of generative models" (2016), section 3.1, for the noise; Ho et al.,
    "Flow++" (2019), section 3.1, for the bound.
    """

    likelihood = "lower_bound"
    latents_on_a_shell = True
    sampling_options = (TEMPERATURE,)

    @property
    def latent_shape(self):
        return (self.num_dimensions,)

    # === The flow ===

    def dequantize(self, images, noise):
        """Images of whole levels as real numbers in [-1, 1).

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], on the grid of the levels.
            noise: float32 of the same shape in [0, 1): where in its level each value lies. 0.5 is the middle.
        """
        levels = tf.cast(to_levels(images, self.spec.levels), tf.float32)
        return (levels + noise) * (2.0 / self.spec.levels) - 1.0

    def to_examples(self, values):
        """The inverse of `dequantize` with noise of 0.5, without rounding, within [-1, 1]."""
        values = ((values + 1.0) * self.spec.levels - 1.0) / (self.spec.levels - 1.0) - 1.0
        return tf.clip_by_value(values, -1.0, 1.0)

    def forward(self, values, labels=None, training=False):
        """Latents and log-determinants of dequantized images.

        Args:
            values: float32 `[batch, height, width, channels]` in [-1, 1).
            labels: int32 `[batch]` of a conditional model.
            training: Boolean. Whether by the network that is trained, or else by its average.

        Returns:
            Latents float32 `[batch, latent_size]`, and the logarithm of the Jacobian's determinant, float32 `[batch]`.
        """
        return (self.network if training else self.ema_network).forward(values, labels, training)

    def normal_values(self, values, labels=None, training=False):
        """What is standard normal according to the likelihood, and the log-determinant of that: as `forward`, of most flows."""
        return self.forward(values, labels, training)

    def inverse(self, latents, labels=None):
        """Dequantized images of latents, float32 `[batch, height, width, channels]`, by the averaged network."""
        return self.ema_network.inverse(latents, labels)

    # === Training ===

    def updates(self):
        logs = ("loss", "bits_per_dimension")
        return [Update("network", self.network.trainable_variables, self.objective, logs=logs)]

    def objective(self, batch):
        """The bound of the negative log-likelihood in nats per dimension, with fresh noise in each step."""
        noise = BatchNoise(batch.seed, tf.shape(batch.examples)[0])
        values = self.noisy_values(batch.examples, noise)
        latents, log_det = self.normal_values(values, batch.labels, batch.training)
        energy = 0.5 * tf.reduce_sum(tf.square(latents), axis=1)
        nats = energy - log_det + self.num_dimensions * self._nats_of_noise
        return Objective({"loss": nats / float(self.num_dimensions)}, {"bits_per_dimension": nats * self.bits_per_nat})

    def noisy_values(self, images, noise):
        """What the network is trained on: images of whole levels as real numbers. `noise` is a `BatchNoise`."""
        return self.dequantize(images, noise.uniform("dequantization", self.spec.shape))

    @property
    def _nats_of_noise(self):
        """What each dimension costs besides: the normal distribution's constant, and a level's width in [-1, 1)."""
        return 0.5 * math.log(2.0 * math.pi) + math.log(self.spec.levels / 2.0)

    def curves(self):
        return [
            Chart(
                "Bits per dimension",
                {"bound": "bits_per_dimension"},
                "bits",
                "A bound of what the pixels cost, with one draw of noise. Lower is better.",
            ),
            Chart("Length of the gradients", {"network": "gradient_norm/network"}, "norm"),
        ]

    def progress_labels(self):
        return {"bits/dim": "bits_per_dimension"}

    # === Likelihood ===

    @property
    def noise_shape(self):
        return (self.num_dimensions,)

    def log_terms(self, images, labels, noise):
        values = self.dequantize(images, noise.uniform("dequantization", self.spec.shape))
        latents, log_det = self.normal_values(values, labels)
        return [-0.5 * tf.square(latents), log_det - self.num_dimensions * self._nats_of_noise]

    def log_mass(self, images, labels, samples, noise):
        if samples == 1:
            return super().log_mass(images, labels, samples, noise)

        def log_density(index):
            return tf.add_n([sum_per_image(term) for term in self.log_terms(images, labels, noise.sample(index))])

        # One after another: memory is that of one sample.
        densities = tf.map_fn(log_density, tf.range(samples), fn_output_signature=tf.float64, parallel_iterations=1)
        return log_mean_exp(densities)

    # === What it can do ===

    @property
    def latent_network(self):
        """`None`: of a flow, latents go into layers of all sizes."""
        return None

    def sample_latents(self, batch_size, seed, temperature=1.0):
        return temperature * normal([batch_size, *self.latent_shape], seed)

    def call(self, latents, labels=None, training=False, temperature=1.0):
        """Images of latents, float32 in [-1, 1], by the averaged network."""
        return self.to_examples(self.inverse(latents, labels))

    def decode(self, latents, labels=None):
        """Images of latents, float32 `[batch, height, width, channels]` in [-1, 1]. `decode(encode(images))` is `images`."""
        return self.to_examples(self.inverse(latents, labels))

    def encode(self, examples, labels=None, seed=None):
        """Latents float32 `[batch, latent_size]`.

        Args:
            examples: float32 `[batch, height, width, channels]` in [-1, 1], on the grid of the levels.
            labels: int32 `[batch]` of a conditional model.
            seed: int32 `[2]` for noise within the levels, as the model was trained with; `None` for their middles.
        """
        noise = 0.5 if seed is None else BatchNoise(seed, tf.shape(examples)[0]).uniform("encode", self.spec.shape)
        return self.forward(self.dequantize(examples, noise), labels)[0]

    def reconstruct(self, examples, labels=None, seed=None):
        """The images themselves, as far as the inverse is exact."""
        return self.decode(self.encode(examples, labels, seed), labels)
