"""PretrainedGenerator: a model of a generator alone."""

import types

import keras
import tensorflow as tf

from tfgan_suite.engine.trained_model import call_network
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.abilities import HasLatents, HasStyles
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class PretrainedGenerator(HasLatents, GenerativeModel):
    """A generator whose discriminator was never published: it generates, is scored and exported, and cannot be trained.

    Args:
        generator: A network with `image_shape`, `latent_size` and `num_classes`, such as `BigGANGenerator`.
        latent_distribution: A `latents.LatentDistribution`; by default standard normal.

    Attributes:
        ema_generator: The network, under the name that the averaged generator of a GAN has.

    Example:

    >>> from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator
    >>> network = BigGANGenerator((32, 32, 3), latent_size=16, num_classes=10, base_channels=8, shared_size=8)
    >>> PretrainedGenerator(network).generate(2, labels=7).shape
    (2, 32, 32, 3)
    """

    sampling_options = (TRUNCATION,)

    def __init__(self, generator, latent_distribution=None, **kwargs):
        super().__init__(**kwargs)
        self.ema_generator = generator
        self.spec = ImageSpec(generator.image_shape)
        self.latent_shape = (generator.latent_size,)
        self.num_classes = generator.num_classes
        self.latent_distribution = latent_distribution or latent_distributions.Normal()
        labels = None if self.num_classes is None else keras.Input([], dtype="int32")
        call_network(generator, keras.Input([self.latent_size]), labels)
        generator.trainable = False
        self.built = True

    @property
    def averages(self):
        return types.MappingProxyType({"generator": self.ema_generator})

    def can(self, ability):
        return super().can(ability) or (ability is HasStyles and isinstance(self.ema_generator, HasStyles))

    @property
    def num_ws(self):
        return self.ema_generator.num_ws if self.can(HasStyles) else None

    def map(self, latents, labels=None):
        """Styles of latents, of a generator that has them."""
        return self.ema_generator.map(latents, labels)

    def synthesize(self, ws, noise="const", seed=None):
        """Images of styles, of a generator that has them."""
        return self.ema_generator.synthesize(ws, noise=noise, seed=seed)

    def sample_latents(self, batch_size, seed, truncation=1.0):
        return self.latent_distribution.sample([batch_size, self.latent_size], seed, truncation)

    def call(self, latents, labels=None, training=False, truncation=1.0):
        """Images float32 `[batch, height, width, channels]` in [-1, 1]; `sample_latents` has truncated already."""
        return tf.cast(call_network(self.ema_generator, latents, labels, training=training), tf.float32)

    def compile(self, *args, **kwargs):
        """Refused: there is nothing to train against."""
        raise UserError(
            "This model is a generator without a discriminator: it generates and cannot be trained. To train, give its "
            "network (`ema_generator`) and a discriminator to a model such as BigGAN(generator=..., discriminator=...)."
        )

    def get_config(self):
        return {
            "name": self.name,
            "generator": keras.saving.serialize_keras_object(self.ema_generator),
            "latent_distribution": keras.saving.serialize_keras_object(self.latent_distribution),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("generator", "latent_distribution"):
            if isinstance(config[name], dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
