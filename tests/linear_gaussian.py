"""The smallest model that can do nearly everything: images are a linear function of a few normal latents, plus noise.

Probabilistic principal component analysis: its likelihood is exact and in closed form, so that what the suite says of it
can be checked. `docs/add_a_model.md` goes through this file.
"""

import keras
import numpy as np
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.foundation.randomness import normal
from tfgan_suite.generative.abilities import Encodes, HasLatents, HasLikelihood, Reconstructs
from tfgan_suite.generative.sampling_options import SamplingOption

TEMPERATURE = SamplingOption("temperature", 1.0, 0.0, 2.0, "Scales the latents; 0 is the mean image.")


@keras.saving.register_keras_serializable("tests")
class LinearGaussian(HasLatents, Encodes, Reconstructs, HasLikelihood, tg.TrainedModel):
    """`x = W z + b + 0.3 e`, z and e standard normal. Reference: Tipping and Bishop (1999)."""

    presets = {
        "linear_gaussian_8": {
            "description": "Eight latents.",
            "reference": "Tipping and Bishop, Probabilistic principal component analysis (1999)",
            "expected": "The likelihood of principal components.",
            "config": {"latent_size": 8},
            "training": {"batch_size": 16, "total_images": 2_000},
        }
    }
    sampling_options = (TEMPERATURE,)
    likelihood = "exact"
    scale = 0.3

    def __init__(self, image_shape=(8, 8, 1), latent_size=4, num_classes=None, label_weights=None, seed=0, **kwargs):
        super().__init__(
            tg.ImageSpec(image_shape), num_classes=num_classes, label_weights=label_weights, seed=seed, **kwargs
        )
        self.latent_shape = (latent_size,)
        initializer = keras.initializers.RandomNormal(stddev=0.1, seed=seed)
        layers = [keras.layers.Dense(int(np.prod(image_shape)), kernel_initializer=initializer)]
        layers += [keras.layers.Reshape(tuple(image_shape))]
        self.add_network("decoder", keras.Sequential([keras.Input([latent_size]), *layers]), averaged=True)
        self.built = True

    def updates(self):
        return [tg.Update("decoder", self.decoder.trainable_variables, self.objective, logs=("loss",))]

    def objective(self, batch):
        return tg.Objective({"loss": -self._log_density(self.decoder, batch.examples)})

    def default_training(self):
        return {**super().default_training(), "optimizer": tg.Adam(0.01)}

    def sample_latents(self, batch_size, seed, temperature=1.0):
        return temperature * normal([batch_size, *self.latent_shape], seed)

    def call(self, latents, labels=None, training=False, temperature=1.0):
        return tf.cast(self.ema_decoder(latents), tf.float32)

    def encode(self, examples, labels=None, seed=None):
        weights, residuals = self._weights_and_residuals(self.ema_decoder, examples)
        precision = tf.matmul(weights, weights, transpose_b=True) + self.scale**2 * tf.eye(self.latent_size)
        return tf.matmul(residuals, tf.linalg.solve(precision, weights), transpose_b=True)  # The posterior's mean.

    def reconstruct(self, examples, labels=None, seed=None):
        return self(self.encode(examples, labels, seed))

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        # Of an image of whole levels: the density, times the width of a level in [-1, 1] for each pixel.
        return self._log_density(self.ema_decoder, examples) + np.prod(self.spec.shape) * np.log(2.0 / 255.0)

    def _weights_and_residuals(self, network, examples):
        weights, bias = (tf.cast(tf.convert_to_tensor(variable), tf.float32) for variable in network.variables)
        return weights, tf.reshape(examples, [-1, weights.shape[1]]) - bias  # [latents, pixels], [batch, pixels]

    def _log_density(self, network, examples):
        weights, residuals = self._weights_and_residuals(network, examples)
        size = weights.shape[1]
        covariance = tf.matmul(weights, weights, transpose_a=True) + self.scale**2 * tf.eye(size)
        root = tf.linalg.cholesky(covariance)
        whitened = tf.linalg.triangular_solve(root, tf.transpose(residuals))  # [pixels, batch]
        log_determinant = 2.0 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(root)))
        return -0.5 * (tf.reduce_sum(tf.square(whitened), axis=0) + log_determinant + size * np.log(2.0 * np.pi))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "seed": self.seed,
        }
