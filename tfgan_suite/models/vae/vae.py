"""VAE: the variational autoencoder, with a likelihood of whole levels."""

import keras
import tensorflow as tf

from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.schedule import bind_schedules
from tfgan_suite.engine.update import Objective, Update, WholeBatch
from tfgan_suite.foundation.randomness import normal
from tfgan_suite.generative.abilities import Encodes, HasLatents
from tfgan_suite.generative.encoded_interpolation import InterpolatesExamples
from tfgan_suite.generative.sampling_options import TEMPERATURE
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture, check_distribution
from tfgan_suite.likelihood.divergences import MaximumMeanDiscrepancy, normal_divergence
from tfgan_suite.likelihood.noise import BatchNoise
from tfgan_suite.likelihood.variational_model import Bound, VariationalModel
from tfgan_suite.models.vae.vae_decoder import VAEDecoder
from tfgan_suite.models.vae.vae_encoder import VAEEncoder
from tfgan_suite.models.vae.vae_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class VAE(InterpolatesExamples, HasLatents, Encodes, VariationalModel):
    """An encoder and a decoder with normal latents between them, trained on the evidence lower bound.

    `log_prob` bounds the probability of images of whole levels; `encode` gives the means of the posterior; `decode`, `generate`
    and `reconstruct` give the expected image.

    Args:
        encoder: A `keras.Model`. Maps images (and labels, in a conditional model) to float `[batch, 2 * latent_size]`, means
            and log-deviations. By default a `VAEEncoder`.
        decoder: A `keras.Model`. Maps latents (and labels) to the parameters of the pixels, float
            `[batch, height, width, distribution.num_parameters(channels)]`. By default a `VAEDecoder`.
        image_shape: Tuple `(height, width, channels)`.
        latent_size: Integer >= 1. Length of a latent vector.
        distribution: A `distributions.Distribution` of the pixels given the latents. By default a mixture of 5 discretized
            logistics.
        levels: Integer in [2, 256]. Whole levels of the images.
        num_classes: Integer, or `None` for an unconditional model.
        base_channels: Integer. Width of the default networks.
        dense_units: Integer. Units of the dense layers of the default networks.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: Networks that do not fit the rest.

    Example:

    >>> vae = VAE(image_shape=(8, 8, 1), latent_size=4, base_channels=4, dense_units=8)
    >>> vae.compile(divergence=tg.divergences.KLDivergence(free_nats=0.1))
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = vae.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> vae.log_prob(images).shape, vae.encode(tg.to_float(images)).shape
    (TensorShape([4]), TensorShape([4, 4]))

    Reference: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014).
    """

    presets = PRESETS
    sampling_options = (TEMPERATURE,)

    def __init__(
        self,
        encoder=None,
        decoder=None,
        *,
        image_shape=(32, 32, 1),
        latent_size=32,
        distribution=None,
        levels=256,
        num_classes=None,
        base_channels=32,
        dense_units=256,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(
            ImageSpec(image_shape, levels=levels),
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.latent_shape = (int(latent_size),)
        self.distribution = DiscretizedLogisticMixture(5) if distribution is None else distribution
        self.base_channels = base_channels
        self.dense_units = dense_units
        self._brought = [name for name, network in (("encoder", encoder), ("decoder", decoder)) if network is not None]
        check_distribution(self.distribution, levels)
        num_parameters = self.distribution.num_parameters(self.spec.shape[-1])
        architecture = {
            "image_shape": self.spec.shape,
            "latent_size": latent_size,
            "base_channels": base_channels,
            "dense_units": dense_units,
            "num_classes": num_classes,
            "dtype": kwargs.get("dtype"),
        }
        encoder = encoder or VAEEncoder(seed=seed, **architecture)
        decoder = decoder or VAEDecoder(num_parameters=num_parameters, seed=seed + 1000, **architecture)
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        self.add_network("encoder", encoder, (keras.Input(self.spec.shape), labels), averaged=True)
        self.add_network("decoder", decoder, (keras.Input(self.latent_shape), labels), averaged=True)
        _check_shape("encoder", call_network(encoder, keras.Input(self.spec.shape), labels), (2 * latent_size,))
        expected = (*self.spec.shape[:2], num_parameters)
        _check_shape("decoder", call_network(decoder, keras.Input(self.latent_shape), labels), expected)
        self.built = True

    # === Training ===

    def updates(self):
        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        if self.discrepancy is None:
            return [Update("vae", variables, self.objective, logs=self.logged)]
        rows = float(self.discrepancy.num_features)
        between_images = WholeBatch(self._features_of_latents, self._discrepancy_objective, rows)
        return [Update("vae", variables, [self.objective, between_images], logs=(*self.logged, "loss/discrepancy"))]

    discrepancy = None

    def default_training(self):
        return {**super().default_training(), "discrepancy": None}

    def compile(self, *positional, discrepancy="auto", **choices):
        """As `VariationalModel.compile`, and: `discrepancy`, a `divergences.MaximumMeanDiscrepancy` or `None`.

        The discrepancy is that of the latents of all images together from the prior.
        """
        self.discrepancy = self.resolve_auto(discrepancy=discrepancy)["discrepancy"]
        if self.discrepancy is not None and not isinstance(self.discrepancy, MaximumMeanDiscrepancy):
            raise ValueError(
                "`discrepancy` must be None or a divergences.MaximumMeanDiscrepancy. Received: "
                f"discrepancy={self.discrepancy!r}"
            )
        super().compile(*positional, **choices)
        self._training_choices["discrepancy"] = self.discrepancy
        bind_schedules([] if self.discrepancy is None else [self.discrepancy], self.examples_seen)

    def bound(self, images, labels, noise, training=False):
        mean, log_deviation = self._posterior(images, labels, training)
        draws = noise.normal("latents", self.latent_shape)
        latents = mean + tf.exp(log_deviation) * draws
        log_ratio = 0.5 * (tf.square(draws) - tf.square(latents)) + log_deviation
        parameters = self._parameters(latents, labels, training)
        distortion = -self.distribution.log_mass(images, parameters, self.spec.levels)
        return Bound(distortion, [normal_divergence(mean, log_deviation)], [log_ratio])

    def _features_of_latents(self, batch):
        mean, log_deviation = self._posterior(batch.examples, batch.labels, batch.training)
        noise = BatchNoise(batch.seed, tf.shape(batch.examples)[0])
        latents = mean + tf.exp(log_deviation) * noise.normal("latents", self.latent_shape)
        return tf.reshape(self.discrepancy.features(latents), [-1])

    def _discrepancy_objective(self, measures):
        features = tf.reshape(measures, [-1, self.discrepancy.num_features])
        losses = self.discrepancy(features, self.latent_size) / float(self.num_dimensions)
        return Objective({"loss/discrepancy": losses})

    def _posterior(self, images, labels, training=False):
        network = self.encoder if training else self.ema_encoder
        parameters = tf.cast(call_network(network, images, labels, training=training), tf.float32)
        mean, log_deviation = tf.split(parameters, 2, axis=-1)
        return mean, log_deviation

    def _parameters(self, latents, labels, training=False):
        network = self.decoder if training else self.ema_decoder
        return tf.cast(call_network(network, latents, labels, training=training), tf.float32)

    # === What it can do ===

    @property
    def latent_network(self):
        """The averaged decoder."""
        return self.ema_decoder

    def sample_latents(self, batch_size, seed, temperature=1.0):
        return temperature * normal([batch_size, *self.latent_shape], seed)

    def call(self, latents, labels=None, training=False, temperature=1.0):
        """The expected image given latents, float32 in [-1, 1], by the averaged decoder."""
        return self.distribution.mean(self._parameters(latents, labels), self.spec.shape[-1])

    def decode(self, latents, labels=None):
        """The expected image given latents, float32 `[batch, height, width, channels]` in [-1, 1]."""
        return self(latents, labels)

    def encode(self, examples, labels=None, seed=None):
        """Means of the posterior, float32 `[batch, latent_size]`, of float images in [-1, 1]."""
        return self._posterior(examples, labels)[0]

    def reconstruct(self, examples, labels=None, seed=None):
        return self(self.encode(examples, labels), labels)

    def get_config(self):
        return {
            "name": self.name,
            **{name: keras.saving.serialize_keras_object(self.networks[name]) for name in self._brought},
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "distribution": keras.saving.serialize_keras_object(self.distribution),
            "levels": self.spec.levels,
            "num_classes": self.num_classes,
            "base_channels": self.base_channels,
            "dense_units": self.dense_units,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("encoder", "decoder", "distribution"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _check_shape(name, output, expected):
    if tuple(output.shape[1:]) != expected:
        raise ValueError(f"`{name}` must return a tensor of shape {(None, *expected)}. Received: {tuple(output.shape)}")
