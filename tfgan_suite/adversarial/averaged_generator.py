"""AveragedGenerator: what a model can do whose examples one generator makes, trained here or elsewhere."""

import keras
import tensorflow as tf

from tfgan_suite.engine.networks import call_network
from tfgan_suite.generative.abilities import HasLatents, HasStyles, MixesClasses
from tfgan_suite.generative.sampling_options import TRUNCATION


class AveragedGenerator(HasLatents):
    """Samples from the network `ema_generator`, and has the abilities that this network declares.

    A subclass sets `ema_generator`, `latent_shape` and `latent_distribution`.
    """

    sampling_options = (TRUNCATION,)
    latent_distribution = None

    def can(self, ability):
        if ability in (HasStyles, MixesClasses):
            return isinstance(self.ema_generator, ability)
        return super().can(ability)

    # === Latents ===

    @property
    def latents_on_a_shell(self):
        return self.latent_distribution.on_a_shell

    def sample_latents(self, batch_size, seed, truncation=1.0):
        return self.latent_distribution.sample([batch_size, self.latent_size], seed, truncation)

    def call(self, latents, labels=None, training=False, truncation=1.0):
        """Images of the averaged generator, float32 `[batch, height, width, channels]` in [-1, 1].

        `sample_latents` has truncated already; a model whose generator does it overrides both.
        """
        return tf.cast(call_network(self.ema_generator, latents, labels, training=training), tf.float32)

    # === Styles ===

    @property
    def latent_network(self):
        """The averaged generator."""
        return self.ema_generator

    @property
    def num_ws(self):
        return self.ema_generator.num_ws if self.can(HasStyles) else None

    def map(self, latents, labels=None):
        return self.ema_generator.map(latents, labels)

    def synthesize(self, ws, noise="const", seed=None):
        return self.ema_generator.synthesize(ws, noise=noise, seed=seed)

    # === Mixtures of classes ===

    def class_vectors(self, labels):
        return self.ema_generator.class_vectors(labels)

    def mix_classes(self, latents, vectors, **sampling):
        mix = self.ema_generator.mix_classes
        return self(latents, vectors, training=False, **sampling) if mix is None else mix(latents, vectors)


def serialize_parts(parts):
    """Keras's description of objects by name, for `get_config`."""
    return {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}


def deserialize_parts(config, names):
    """The reverse: a copy of `config` in which the named entries are objects."""
    config = dict(config)
    for name in names:
        if isinstance(config.get(name), dict):
            config[name] = keras.saving.deserialize_keras_object(config[name])
    return config
