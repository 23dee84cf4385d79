"""VDVAE: the very deep variational autoencoder, a hierarchy of latents from one pixel to the whole image."""

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.schedule import LinearSchedule
from tfgan_suite.engine.update import Update
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import normal
from tfgan_suite.generative.abilities import Encodes, HasLatents
from tfgan_suite.generative.encoded_interpolation import InterpolatesExamples
from tfgan_suite.generative.sampling_options import TEMPERATURE
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture
from tfgan_suite.likelihood.divergences import KLDivergence, normal_divergence
from tfgan_suite.likelihood.variational_model import Bound, VariationalModel
from tfgan_suite.models.vdvae.vdvae_decoder import VDVAEDecoder
from tfgan_suite.models.vdvae.vdvae_encoder import VDVAEEncoder
from tfgan_suite.models.vdvae.vdvae_layout import check_layouts, decoder_layout, encoder_layout
from tfgan_suite.models.vdvae.vdvae_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class VDVAE(InterpolatesExamples, HasLatents, Encodes, VariationalModel):
    """A variational autoencoder with dozens of latents, each drawn given all before it.

    Latents of the model are those of all blocks, each standardized by its prior, in one vector: `decode(encode(images))` is
    `reconstruct(images)`, and standard normal vectors are samples.

    Args:
        image_shape: Tuple `(size, size, channels)`, gray or color.
        encoder: String. The encoder's layout: `RxN` is N blocks at resolution R, `RdK` one block and average pooling by K.
        decoder: String. The decoder's layout: `RmS` is one block at R whose input gains the enlarged state of S.
        width: Integer. Channels.
        widths: Dict of resolution to channels where they differ from `width`, or `None`.
        latent_channels: Integer. Channels of each latent.
        components: Integer. Components of the mixture of discretized logistics for each pixel.
        bottleneck: Float. Channels within a block, as a share of its channels.
        largest_bias: Integer. The largest resolution whose state begins as a learned map.
        mean_level: Float. The mean of the data's levels, by which the encoder's input is standardized.
        level_deviation: Float. The standard deviation of the data's levels.
        levels: Integer in [2, 256]. Whole levels of the images.
        num_classes: Integer, or `None` for the paper's unconditional model.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        UserError: Layouts that do not fit each other or the images.

    Example:

    >>> model = VDVAE(image_shape=(8, 8, 1), encoder="8x1,8d2,4d4,1x1", decoder="1x1,4m1,8m4", width=8, latent_channels=2)
    >>> model.compile()
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = model.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> model.log_prob(images).shape
    TensorShape([4])

    Reference: Child, "Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images" (2021). The defaults
    are the paper's for CIFAR-10.
    """

    presets = PRESETS
    sampling_options = (TEMPERATURE,)

    def __init__(
        self,
        image_shape=(32, 32, 3),
        encoder="32x11,32d2,16x6,16d2,8x6,8d2,4x3,4d4,1x3",
        decoder="1x1,4m1,4x2,8m4,8x5,16m8,16x10,32m16,32x21",
        width=384,
        widths=None,
        latent_channels=16,
        components=10,
        bottleneck=0.25,
        largest_bias=64,
        mean_level=120.63838,
        level_deviation=64.16736,
        levels=256,
        num_classes=None,
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
        if self.spec.shape[0] != self.spec.shape[1]:
            raise UserError(f"`image_shape` must be square. Received: image_shape={self.spec.shape}")
        check_layouts(encoder_layout(encoder), decoder_layout(decoder), self.spec.shape[0])
        self.distribution = DiscretizedLogisticMixture(components)
        self._architecture = {
            "encoder": encoder,
            "decoder": decoder,
            "width": width,
            # Keys of JSON are strings.
            "widths": {str(resolution): channels for resolution, channels in (widths or {}).items()},
            "latent_channels": latent_channels,
            "components": components,
            "bottleneck": bottleneck,
            "largest_bias": largest_bias,
            "mean_level": mean_level,
            "level_deviation": level_deviation,
        }
        common = {"image_shape": self.spec.shape, "width": width, "widths": widths, "bottleneck": bottleneck}
        common["dtype"] = kwargs.get("dtype")
        encoder_network = VDVAEEncoder(layout=encoder, seed=seed, **common)
        decoder_network = VDVAEDecoder(
            num_parameters=self.distribution.num_parameters(self.spec.shape[-1]),
            layout=decoder,
            latent_channels=latent_channels,
            largest_bias=largest_bias,
            num_classes=num_classes,
            seed=seed + 100_000,
            **common,
        )
        self.latent_shape = (decoder_network.latent_size,)
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        self.add_network("encoder", encoder_network, keras.Input(self.spec.shape), averaged=True)
        self.add_network("decoder", decoder_network, (keras.Input(self.latent_shape), labels), averaged=True)
        self.built = True

    # === Training ===

    def updates(self):
        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        return [Update("vdvae", variables, self.objective, logs=self.logged)]

    def default_training(self):
        # Table 3 of the paper for CIFAR-10: AdamW with a warm-up of 100 steps of 32 images. The paper skips updates above a
        # fixed norm; a fixed one can stand still for ever, a GradientGuard's follows the norms.
        schedule = LinearSchedule(0.0, 2e-4, examples=3200)
        optimizer = Adam(schedule, beta_1=0.9, beta_2=0.9, epsilon=1e-8, weight_decay=0.01, global_clipnorm=200.0)
        return {
            "optimizer": GradientGuard(optimizer),
            "ema": ExponentialMovingAverage(decay=0.9999),
            "divergence": KLDivergence(),
        }

    def bound(self, images, labels, noise, training=False):
        decoder = self.decoder if training else self.ema_decoder
        draws = [noise.normal(f"latent_{index}", shape) for index, shape in enumerate(decoder.latent_shapes)]
        state, steps = decoder.draw(draws, labels, self._activations(images, training))
        distortion = -self.distribution.log_mass(images, decoder.parameters(state), self.spec.levels)
        divergences = [normal_divergence(*step.posterior, *step.prior) for step in steps]
        log_ratios = [
            0.5 * (tf.square(own) - tf.square(step.noise)) + step.posterior[1] - step.prior[1]
            for own, step in zip(draws, steps)
        ]
        return Bound(distortion, divergences, log_ratios)

    def _activations(self, images, training=False):
        # Levels of any number are standardized as if there were 256.
        levels = (tf.cast(images, tf.float32) + 1.0) * 127.5
        standardized = (levels - self._architecture["mean_level"]) / self._architecture["level_deviation"]
        return (self.encoder if training else self.ema_encoder)(standardized, training=training)

    # === What it can do ===

    @property
    def latent_network(self):
        """The averaged decoder."""
        return self.ema_decoder

    def sample_latents(self, batch_size, seed, temperature=1.0):
        return temperature * normal([batch_size, *self.latent_shape], seed)

    def call(self, latents, labels=None, training=False, temperature=1.0):
        """The expected image given latents, float32 in [-1, 1], by the averaged decoder."""
        parameters = call_network(self.ema_decoder, latents, labels)
        return self.distribution.mean(parameters, self.spec.shape[-1])

    def decode(self, latents, labels=None):
        """The expected image given latents, float32 `[batch, size, size, channels]` in [-1, 1]."""
        return self(latents, labels)

    def encode(self, examples, labels=None, seed=None):
        """The means of all posteriors, each given those before, standardized by the priors: float32 `[batch, latent_size]`."""
        steps = self._posterior_means(examples, labels)[1]
        return tf.concat([tf.reshape(step.noise, [tf.shape(step.noise)[0], -1]) for step in steps], axis=1)

    def reconstruct(self, examples, labels=None, seed=None):
        state = self._posterior_means(examples, labels)[0]
        return self.distribution.mean(self.ema_decoder.parameters(state), self.spec.shape[-1])

    def _posterior_means(self, examples, labels):
        batch_size = tf.shape(examples)[0]
        zeros = [tf.zeros([batch_size, *shape]) for shape in self.ema_decoder.latent_shapes]
        return self.ema_decoder.draw(zeros, labels, self._activations(examples))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            **self._architecture,
            "levels": self.spec.levels,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
