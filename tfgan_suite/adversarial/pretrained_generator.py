"""PretrainedGenerator: a model of a generator alone."""

import types

import keras

from tfgan_suite.adversarial.averaged_generator import AveragedGenerator, deserialize_parts, serialize_parts
from tfgan_suite.engine.networks import call_network
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class PretrainedGenerator(AveragedGenerator, GenerativeModel):
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

    def compile(self, *args, **kwargs):
        """Refused: there is nothing to train against."""
        raise UserError(
            "This model is a generator without a discriminator: it generates and cannot be trained. To train, give its "
            "network (`ema_generator`) and a discriminator to a model such as BigGAN(generator=..., discriminator=...)."
        )

    def get_config(self):
        return {
            "name": self.name,
            **serialize_parts({"generator": self.ema_generator, "latent_distribution": self.latent_distribution}),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**deserialize_parts(config, ("generator", "latent_distribution")))
