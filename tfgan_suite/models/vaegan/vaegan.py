"""VAEGAN: a variational autoencoder whose reconstructions are compared in the features of a GAN's discriminator."""

import dataclasses
import types

import keras
import tensorflow as tf

from tfgan_suite.adversarial.averaged_generator import deserialize_parts, serialize_parts
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.compile_arguments import optimizers_by_name
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.schedule import Schedule, value_now
from tfgan_suite.engine.stability_rules import gradient_explodes
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.abilities import Encodes, Reconstructs
from tfgan_suite.generative.encoded_interpolation import InterpolatesExamples
from tfgan_suite.likelihood.divergences import KLDivergence, check_divergence, normal_divergence
from tfgan_suite.likelihood.noise import BatchNoise
from tfgan_suite.likelihood.variational_model import posterior_collapse, share_active
from tfgan_suite.models.vaegan.vaegan_decoder import VAEGANDecoder
from tfgan_suite.models.vaegan.vaegan_discriminator import VAEGANDiscriminator
from tfgan_suite.models.vaegan.vaegan_encoder import VAEGANEncoder
from tfgan_suite.models.vaegan.vaegan_presets import PRESETS


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEGAN(InterpolatesExamples, Encodes, Reconstructs, GAN):
    """A VAE and a GAN that share the decoder, with similarity as the discriminator has learned it.

    One step is three updates, each of which changes one network (algorithm 1):

    1. the encoder by the divergence of the latents from their prior and the distance of reconstructions;
    2. the discriminator by the GAN's loss alone, on real images, samples and reconstructions;
    3. the decoder, which is the GAN's generator, by `reconstruction_weight` times the distance, and the GAN's loss of samples
       and reconstructions.

    The distance of two images is that of what the discriminator shows of them. It is a density of features, not of pixels, so
    that the model has no likelihood: it generates, encodes, reconstructs and discriminates.

    Args:
        encoder: A `keras.Model`. Maps images (and labels, in a conditional model) to float `[batch, 2 * latent_size]`, means
            and log-deviations. By default a `VAEGANEncoder`.
        decoder: A `keras.Model`. Maps latents (and labels) to images in [-1, 1]. By default a `VAEGANDecoder`. In the model
            it is `generator`.
        discriminator: A `keras.Model`. Maps images (and labels) to a pair: logits `[batch]` or `[batch, 1]`, and the features
            `[batch, ...]` in which images are compared. By default a `VAEGANDiscriminator`.
        image_shape: Tuple `(height, width, channels)`.
        latent_size: Integer >= 1. Length of a latent vector.
        num_classes: Integer, or `None` for an unconditional model.
        base_channels: Integer >= 2. Width of the default networks.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: Networks that do not fit the rest.

    Example:

    >>> model = VAEGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=4)
    >>> model.compile(augmentation=tg.augment.DiffAugment(), reconstruction_weight=1e-3)
    >>> images = np.random.default_rng(0).uniform(-1, 1, [4, 8, 8, 1]).astype("float32")
    >>> history = model.fit(images, batch_size=4, verbose=0)
    >>> model.encode(images).shape, model.reconstruct(images).shape
    (TensorShape([4, 4]), TensorShape([4, 8, 8, 1]))

    Reference: Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016). The defaults are the
    paper's at 64x64.
    """

    presets = PRESETS

    def __init__(
        self,
        encoder=None,
        decoder=None,
        discriminator=None,
        *,
        image_shape=(64, 64, 3),
        latent_size=128,
        num_classes=None,
        base_channels=64,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        brought = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        architecture = {
            "image_shape": tuple(image_shape),
            "base_channels": base_channels,
            "num_classes": num_classes,
            "dtype": kwargs.get("dtype"),
        }
        super().__init__(
            decoder or VAEGANDecoder(latent_size=latent_size, seed=seed, **architecture),
            discriminator or VAEGANDiscriminator(seed=seed + 1000, **architecture),
            image_shape=image_shape,
            latent_size=latent_size,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.base_channels = base_channels
        self._brought = tuple(name for name, network in brought.items() if network is not None)
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        images = keras.Input(self.spec.shape)
        encoder = encoder or VAEGANEncoder(latent_size=latent_size, seed=seed + 2000, **architecture)
        self.add_network("encoder", encoder, (images, labels), averaged=True, output_shapes=((2 * latent_size,),))
        _check_discriminator(call_network(self.discriminator, images, labels))

    @property
    def decoder(self):
        """The decoder, which is the GAN's generator."""
        return self.generator

    # === Training ===

    divergence = KLDivergence()
    reconstruction_weight = 1e-6

    def default_training(self):
        rate = {name: keras.optimizers.RMSprop(3e-4) for name in ("encoder", "generator", "discriminator")}
        return {
            **super().default_training(),
            **{f"{name}_optimizer": optimizer for name, optimizer in rate.items()},
            # Not in the paper, which samples the trained weights themselves.
            "ema": ExponentialMovingAverage(average_buffers=True),
            "divergence": KLDivergence(),
            # The authors' code, for faces.
            "reconstruction_weight": 1e-6,
        }

    def compile(
        self,
        *positional,
        encoder_optimizer="auto",
        generator_optimizer="auto",
        discriminator_optimizer="auto",
        divergence="auto",
        reconstruction_weight="auto",
        **choices,
    ):
        """As `GAN.compile`, and how to reconstruct.

        The three optimizers may also be given by place, encoder first; everything else by name.

        Args:
            encoder_optimizer: A Keras optimizer or its name, not shared with another network.
            generator_optimizer: The decoder's.
            discriminator_optimizer: The discriminator's.
            divergence: A `divergences.KLDivergence`: how the latents' divergence from the prior counts.
            reconstruction_weight: Float >= 0, or a `Schedule`. The paper's gamma: how much the distance of reconstructions
                counts for the decoder beside the GAN's loss. The distance is a sum over all features.
            **choices: As for `GAN.compile`.

        Raises:
            ValueError: An argument of another type, out of range or not known, or one optimizer for two networks.
        """
        optimizers = {
            "encoder_optimizer": encoder_optimizer,
            "generator_optimizer": generator_optimizer,
            "discriminator_optimizer": discriminator_optimizer,
        }
        optimizers = optimizers_by_name(type(self).__name__, positional, optimizers)
        own = self.resolve_auto(
            encoder_optimizer=optimizers.pop("encoder_optimizer"),
            divergence=divergence,
            reconstruction_weight=reconstruction_weight,
        )
        weight = own["reconstruction_weight"]
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(
                f"`reconstruction_weight` must be >= 0 or a `Schedule`. Received: reconstruction_weight={weight!r}"
            )
        self.divergence = check_divergence(own["divergence"])
        self.reconstruction_weight = weight.bind(self.examples_seen) if isinstance(weight, Schedule) else weight
        self._own_choices = types.MappingProxyType(own)  # Read-only, so that Keras's saving passes over it.
        super().compile(**optimizers, **choices)

    def finish_compile(self, chosen, optimizers, **options):
        own = dict(self._own_choices)
        optimizers = {"encoder": own.pop("encoder_optimizer"), **optimizers}
        super().finish_compile({**chosen, **own}, optimizers, **options)

    def updates(self):
        """Algorithm 1, one update after the other."""
        discriminator, generator, *lazy = super().updates()
        return [
            Update(
                "encoder",
                self.encoder.trainable_variables,
                self.encoder_objective,
                logs=("loss/divergence", "loss/reconstruction", "active_latents"),
            ),
            _extended(
                discriminator,
                self.reconstructed_discriminator_objective,
                ("loss/discriminator_of_reconstructions", "logits/reconstructed"),
            ),
            _extended(
                generator,
                self.reconstructed_generator_objective,
                ("loss/generator_of_reconstructions", "loss/weighted_reconstruction"),
            ),
            *lazy,
        ]

    def encoder_objective(self, batch):
        """The divergence from the prior and the distance of reconstructions. The GAN's loss is no part of it."""
        mean, log_deviation = self.posterior(batch.examples, batch.labels, batch.training)
        divergences = [normal_divergence(mean, log_deviation)]
        latents = self._draw(mean, log_deviation, batch.seed)
        reconstructions = self._decode(latents, batch.labels, batch.seed, batch.training)
        distances, _, _ = self._compare(batch, reconstructions)
        return Objective(
            {"loss/divergence": self.divergence(divergences), "loss/reconstruction": distances},
            {"active_latents": share_active(divergences)},
        )

    def reconstructed_discriminator_objective(self, batch):
        """The GAN's loss of the discriminator, on reconstructions in the place of samples."""
        latents = self._latents_of(batch)
        with batch.tape.stop_recording():
            reconstructions = self._decode(latents, batch.labels, batch.seed)
        losses, _, logits = self.compute_discriminator_loss(
            self._training_discriminate(batch.seed), batch.examples, reconstructions, batch.labels, batch.labels
        )
        return Objective({"loss/discriminator_of_reconstructions": losses}, {"logits/reconstructed": logits})

    def reconstructed_generator_objective(self, batch):
        """The GAN's loss of reconstructions and gamma times their distance. Latents are cut off from the encoder."""
        reconstructions = self._decode(self._latents_of(batch), batch.labels, batch.seed)
        distances, logits, real_logits = self._compare(batch, reconstructions)
        real_logits = real_logits if self.adversarial_loss.uses_real_logits else None
        return Objective(
            {
                "loss/generator_of_reconstructions": self.adversarial_loss.generator_loss(logits, real_logits),
                "loss/weighted_reconstruction": value_now(self.reconstruction_weight) * distances,
            }
        )

    # === Parts ===

    def posterior(self, images, labels=None, training=False):
        """Means and log-deviations of the latents of images, each float32 `[batch, latent_size]`."""
        network = self.encoder if training else self.ema_encoder
        parameters = tf.cast(call_network(network, images, labels, training=training), tf.float32)
        return tf.split(parameters, 2, axis=-1)

    def _draw(self, mean, log_deviation, seed):
        return mean + tf.exp(log_deviation) * BatchNoise(seed, tf.shape(mean)[0]).normal("latents", self.latent_shape)

    def _decode(self, latents, labels, seed, training=True):
        if not training:
            return self(latents, labels)
        return tf.cast(self.generate_fakes(latents, labels, fold(seed, "noise")), tf.float32)

    def _latents_of(self, batch):
        """Draws of the posterior, through which no gradient reaches the encoder."""
        with batch.tape.stop_recording():
            return self._draw(*self.posterior(batch.examples, batch.labels, training=True), batch.seed)

    def _compare(self, batch, images):
        """Distances of images from the batch's, and logits of both, each float32 `[batch]`.

        The distance is minus the logarithm of a normal density with deviation 1 around the features of `images`, up to a
        constant (equations 7 and 8). Both are seen through the same draws of the augmentation.
        """
        look = self._training_discriminate(batch.seed)
        with batch.tape.stop_recording():
            real_logits, real_features = look(batch.examples, batch.labels, score=self.discriminate_and_show)
        logits, features = look(images, batch.labels, score=self.discriminate_and_show)
        return _distances(real_features, features), logits, real_logits

    def discriminate_and_show(self, images, labels=None, training=False):
        """Logits float32 `[batch]` of images, and features float32 `[batch, ...]` to compare them by."""
        logits, features = call_network(self.discriminator, images, labels, training=training)
        return tf.reshape(tf.cast(logits, tf.float32), [-1]), tf.cast(features, tf.float32)

    def discriminate(self, images, labels=None, training=False):
        return self.discriminate_and_show(images, labels, training)[0]

    # === What it can do ===

    def encode(self, examples, labels=None, seed=None):
        """Means of the posterior, float32 `[batch, latent_size]`, of float images in [-1, 1]."""
        return self.posterior(examples, labels)[0]

    def decode(self, latents, labels=None):
        """Images of latents, float32 `[batch, height, width, channels]` in [-1, 1]."""
        return self(latents, labels)

    def reconstruct(self, examples, labels=None, seed=None):
        return self(self.encode(examples, labels), labels)

    # === What it declares about its training ===

    def curves(self):
        losses, *others = super().curves()
        gradients = others.pop()
        return [
            losses,
            Chart("Distance of reconstructions", {"features": "loss/reconstruction"}, "nats"),
            Chart("Divergence of the latents", {"divergence": "loss/divergence"}, "nats"),
            *others,
            dataclasses.replace(gradients, series={"encoder": "gradient_norm/encoder", **gradients.series}),
        ]

    def progress_labels(self):
        return {"E": "loss/reconstruction", **super().progress_labels()}

    def stability_rules(self):
        return [*super().stability_rules(), gradient_explodes("encoder"), posterior_collapse()]

    # === Keras ===

    def evaluate_batch(self, real_images, real_labels, seed):
        values = super().evaluate_batch(real_images, real_labels, seed)
        mean, log_deviation = self.posterior(real_images, real_labels)
        reconstructions = self(self._draw(mean, log_deviation, seed), real_labels)
        _, real_features = self.discriminate_and_show(real_images, real_labels)
        _, features = self.discriminate_and_show(reconstructions, real_labels)
        return {
            **values,
            "loss/divergence": self.divergence([normal_divergence(mean, log_deviation)]),
            "loss/reconstruction": _distances(real_features, features),
        }

    def get_config(self):
        return {
            "name": self.name,
            **serialize_parts({name: getattr(self, name) for name in self._brought}),
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "base_channels": self.base_channels,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**deserialize_parts(config, ("encoder", "decoder", "discriminator")))


def _extended(update, objective, logs):
    """An update with one objective more."""
    return dataclasses.replace(update, objective=[*update.objectives, objective], logs=(*update.logs, *logs))


def _distances(real_features, features):
    """Half the squared distances of features, float32 `[batch]`."""
    axes = list(range(1, features.shape.rank))
    return 0.5 * tf.reduce_sum(tf.square(real_features - features), axis=axes)


def _check_discriminator(outputs):
    shapes = [tuple(one.shape) for one in outputs] if isinstance(outputs, list | tuple) else tuple(outputs.shape)
    if not isinstance(shapes, list) or len(shapes) != 2 or shapes[0][1:] not in ((), (1,)) or len(shapes[1]) < 2:
        raise ValueError(
            "`discriminator` must return a pair, logits [batch] or [batch, 1] and features [batch, ...], as "
            f"`keras.Model(images, [logits, features])` does. Received outputs of shape: {shapes}".replace(
                "None", "batch"
            )
        )
