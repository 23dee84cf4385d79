"""VQVAE: an autoencoder whose latents are tokens."""

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.schedule import bind_schedules
from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import uniform
from tfgan_suite.generative.abilities import Encodes, HasLatents, Reconstructs, Tokenizes
from tfgan_suite.generative.encoded_interpolation import InterpolatesExamples
from tfgan_suite.layers.quantizers import FiniteScalarQuantizer, Quantizer
from tfgan_suite.likelihood.reconstruction_losses import Adversarial, ReconstructionLoss, SquaredError
from tfgan_suite.models.vqvae.codebook_reports import CodebookReports
from tfgan_suite.models.vqvae.vqvae_decoder import VQVAEDecoder
from tfgan_suite.models.vqvae.vqvae_discriminator import VQVAEDiscriminator
from tfgan_suite.models.vqvae.vqvae_encoder import VQVAEEncoder
from tfgan_suite.models.vqvae.vqvae_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class VQVAE(CodebookReports, InterpolatesExamples, HasLatents, Encodes, Reconstructs, Tokenizes, TrainedModel):
    """An encoder, a quantizer and a decoder: an image becomes a grid of tokens, and tokens become an image.

    `encode_tokens` and `decode_tokens` are what it is for. Latents are codes, the vectors that tokens stand for: `decode` takes
    any, also between codes. What `generate` makes is no picture yet: it draws each token by itself, by how often it is used.
    What tokens go together, a prior learns: `TwoStageModel`.

    Args:
        encoder: A `keras.Model`. Maps images to vectors, float `[batch, rows, columns, quantizer.size]`. By default a
            `VQVAEEncoder`.
        quantizer: A `quantizers.Quantizer`. By default a `FiniteScalarQuantizer` of `code_levels`.
        decoder: A `keras.Model`. Maps codes to images. By default a `VQVAEDecoder`.
        discriminator: A `keras.Model`, which maps images to logits `[batch]` or `[batch, ...]`, one a patch; `"patches"` for a
            `VQVAEDiscriminator`; or `None`, without which `compile` takes no `adversarial`.
        image_shape: Tuple `(height, width, channels)`. Height and width are multiples of `downsampling`.
        code_levels: Tuple of integers >= 2. Levels of the default quantizer.
        downsampling: Integer, a power of 2. Pixels of a token's side, of the default networks.
        channels: Integer >= 1. Width of the default networks.
        residual_blocks: Integer >= 0. Of each of the default networks.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: Networks that do not fit each other, or a size that is no multiple.

    Example:

    >>> vqvae = VQVAE(image_shape=(8, 8, 1), code_levels=(4, 4), channels=4, residual_blocks=1)
    >>> vqvae.compile(reconstruction=[tg.reconstruction_losses.AbsoluteError()])
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = vqvae.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> tokens = vqvae.encode_tokens(tg.to_float(images))
    >>> tokens.shape, vqvae.decode_tokens(tokens).shape
    (TensorShape([4, 2, 2]), TensorShape([4, 8, 8, 1]))

    Reference: van den Oord et al., "Neural Discrete Representation Learning" (2017); Mentzer et al., "Finite Scalar
    Quantization: VQ-VAE Made Simple" (2023).
    """

    presets = PRESETS

    def __init__(
        self,
        encoder=None,
        quantizer=None,
        decoder=None,
        discriminator=None,
        *,
        image_shape=(32, 32, 3),
        code_levels=(8, 5, 5, 5),
        downsampling=4,
        channels=128,
        residual_blocks=2,
        seed=0,
        **kwargs,
    ):
        super().__init__(ImageSpec(image_shape), seed=seed, **kwargs)
        self.code_levels = tuple(code_levels)
        self.downsampling = downsampling
        self.channels = channels
        self.residual_blocks = residual_blocks
        self._brought = [name for name, network in (("encoder", encoder), ("decoder", decoder)) if network is not None]
        self._discriminator_is_brought = isinstance(discriminator, keras.layers.Layer)
        policy = kwargs.get("dtype")
        if isinstance(quantizer, dict):
            quantizer = keras.saving.deserialize_keras_object(quantizer)
        quantizer = FiniteScalarQuantizer(self.code_levels) if quantizer is None else quantizer
        if not isinstance(quantizer, Quantizer):
            raise ValueError(f"`quantizer` must be a quantizers.Quantizer. Received: quantizer={quantizer!r}")
        if len(self._brought) < 2:
            self._check_downsampling()
        architecture = {
            "downsampling": downsampling,
            "channels": channels,
            "residual_blocks": residual_blocks,
            "dtype": policy,
        }
        encoder = encoder or VQVAEEncoder(quantizer.size, seed=seed, **architecture)
        decoder = decoder or VQVAEDecoder(self.spec.shape[-1], seed=seed + 1000, **architecture)
        self.add_network("encoder", encoder, keras.Input(self.spec.shape))
        self.latent_shape = self._check_vectors(call_network(encoder, keras.Input(self.spec.shape)), quantizer)
        self.token_shape, self.num_tokens = self.latent_shape[:-1], quantizer.num_codes
        self.add_network("quantizer", quantizer, keras.Input(self.latent_shape))
        self.add_network("decoder", decoder, keras.Input(self.latent_shape), output_shapes=(self.spec.shape,))
        if discriminator is not None:
            if not self._discriminator_is_brought:
                if discriminator != "patches":
                    raise ValueError(
                        '`discriminator` must be a keras.Model, "patches" or None. Received: '
                        f"discriminator={discriminator!r}"
                    )
                discriminator = VQVAEDiscriminator(max(1, channels // 2), 2, seed + 2000, dtype=policy)
            self.add_network("discriminator", discriminator, keras.Input(self.spec.shape))
        self.built = True

    def _check_downsampling(self):
        height, width, _ = self.spec.shape
        size = self.downsampling
        if not isinstance(size, int) or size < 1 or size & (size - 1) or height % size or width % size:
            raise ValueError(
                f"`downsampling` must be a power of 2 that divides the image's height and width, {height} and {width}. "
                f"Received: downsampling={size!r}"
            )

    def _check_vectors(self, vectors, quantizer):
        shape = tuple(vectors.shape[1:])
        if len(shape) < 2 or None in shape or shape[-1] != quantizer.size:
            raise ValueError(
                f"`encoder` must return vectors of the quantizer's size, {quantizer.size}, along the last of two or more "
                f"axes of known sizes. Received: {tuple(vectors.shape)}"
            )
        return shape

    # === Training ===

    reconstruction = (SquaredError(),)
    adversarial = None

    def default_training(self):
        return {
            **super().default_training(),
            "optimizer": Adam(2e-4),
            "discriminator_optimizer": Adam(3e-4, beta_1=0.5, beta_2=0.9),
            "reconstruction": [SquaredError()],
            "adversarial": None,
        }

    def compile(
        self,
        *positional,
        optimizer="auto",
        discriminator_optimizer="auto",
        reconstruction="auto",
        adversarial="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
        **unknown,
    ):
        """Chooses how to train. `"auto"` is what the paper did, or the preset says.

        Args:
            optimizer: A Keras optimizer or its name, for encoder, quantizer and decoder.
            discriminator_optimizer: The same, for the discriminator.
            reconstruction: List of `ReconstructionLoss`, whose sum counts: `reconstruction_losses.SquaredError()`,
                `AbsoluteError()`, `Perceptual(tg.metrics.LPIPS(), 0.5)`.
            adversarial: A `reconstruction_losses.Adversarial`, for a model with a discriminator, or `None`.
            microbatch_size: Integer, or `None`. Images that the networks are trained on at a time.
            steps_per_execution: Integer >= 1. Steps inside one call of the graph.
            jit_compile: Boolean. Whether to compile the step with XLA.
            run_eagerly: Boolean. For debugging.

        Raises:
            ValueError: An argument of another type, out of range, or not known.
        """
        optimizers = self.check_compile_arguments(
            positional, unknown, optimizer=optimizer, discriminator_optimizer=discriminator_optimizer
        )
        chosen = self.resolve_auto(**optimizers, reconstruction=reconstruction, adversarial=adversarial)
        self.take_losses(chosen["reconstruction"], chosen["adversarial"])
        own, others = chosen.pop("optimizer"), {"discriminator": chosen.pop("discriminator_optimizer")}
        self.finish_compile(
            {**chosen, "ema": ExponentialMovingAverage(decay=0.0)},  # Nothing is averaged.
            {"autoencoder": own, **(others if self.adversarial is not None else {})},
            microbatch_size=microbatch_size,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
        )
        bind_schedules(self.reconstruction, self.examples_seen)

    def take_losses(self, reconstruction, adversarial=None):
        """Checks and keeps what is minimized."""
        is_list = isinstance(reconstruction, list | tuple)
        if not is_list or not reconstruction or not all(isinstance(one, ReconstructionLoss) for one in reconstruction):
            raise ValueError(
                "`reconstruction` must be a list of reconstruction losses, such as [reconstruction_losses.SquaredError()]. "
                f"Received: reconstruction={reconstruction!r}"
            )
        if adversarial is not None and not isinstance(adversarial, Adversarial):
            raise ValueError(
                "`adversarial` must be None or reconstruction_losses.Adversarial(tg.losses.Hinge()). Received: "
                f"adversarial={adversarial!r}"
            )
        if (adversarial is not None) != ("discriminator" in self.networks):
            raise ValueError(
                '`adversarial` and the discriminator go together: make the model with `discriminator="patches"` or one of your '
                "own and compile it with `adversarial=reconstruction_losses.Adversarial(...)`, or do neither."
            )
        object.__setattr__(self, "reconstruction", tuple(reconstruction))
        self.adversarial = adversarial

    def updates(self):
        autoencoder = [
            variable
            for network in (self.encoder, self.quantizer, self.decoder)
            for variable in network.trainable_variables
        ]
        logs = tuple(f"loss/{loss.name}" for loss in self.reconstruction) + ("loss/quantizer",)
        if self.adversarial is None:
            return [Update("autoencoder", autoencoder, self.objective, logs)]
        discriminator = self.discriminator.trainable_variables
        # First, while the autoencoder is what it will be in its own update.
        return [
            Update("discriminator", discriminator, self.discriminator_objective, ("loss/discriminator",)),
            Update("autoencoder", autoencoder, self.objective, (*logs, "loss/adversarial")),
        ]

    def objective(self, batch):
        """Reconstruction, what the quantizer adds, and the discriminator's judgment."""
        images = batch.examples
        quantized = self._quantize(images, batch.training)
        reconstructions = self._decode(quantized.codes, batch.training)
        losses = {f"loss/{loss.name}": loss(images, reconstructions) for loss in self.reconstruction}
        losses["loss/quantizer"] = quantized.losses
        if self.adversarial is not None:
            real_logits = tf.stop_gradient(self._discriminate(images, batch.training))
            logits = self._discriminate(reconstructions, batch.training)
            losses["loss/adversarial"] = self.adversarial.reconstruction_loss(logits, real_logits)
        return Objective(losses)

    def discriminator_objective(self, batch):
        """What tells images from reconstructions."""
        codes = self._quantize(batch.examples, False).codes  # It is counted in the other update.
        reconstructions = tf.stop_gradient(self._decode(codes, batch.training))
        real_logits = self._discriminate(batch.examples, batch.training)
        logits = self._discriminate(reconstructions, batch.training)
        return Objective({"loss/discriminator": self.adversarial.discriminator_loss(real_logits, logits)})

    def _quantize(self, images, training):
        vectors = call_network(self.encoder, images, training=training)
        return self.quantizer(tf.cast(vectors, tf.float32), training=training)

    def _decode(self, codes, training=False):
        return tf.cast(call_network(self.decoder, codes, training=training), tf.float32)

    def _discriminate(self, images, training):
        return tf.cast(call_network(self.discriminator, images, training=training), tf.float32)

    # === Tokens ===

    def encode_tokens(self, examples):
        """Tokens of images.

        Args:
            examples: Float `[batch, height, width, channels]` in [-1, 1].

        Returns:
            int32 `[batch, *token_shape]`, from 0 to `num_tokens - 1`.
        """
        return self._quantize(tf.cast(examples, tf.float32), False).tokens

    def decode_tokens(self, tokens):
        """Images of tokens.

        Args:
            tokens: Integers `[batch, *token_shape]`, from 0 to `num_tokens - 1`.

        Returns:
            float32 `[batch, height, width, channels]` in [-1, 1].

        Raises:
            UserError: Tokens of another shape, or, outside of a graph, out of range.
        """
        return self.decode(self.quantizer.decode(self._checked_tokens(tokens)))

    def _checked_tokens(self, tokens):
        tokens = tf.convert_to_tensor(tokens)
        if not tokens.dtype.is_integer or tuple(tokens.shape[1:]) != self.token_shape:
            raise UserError(
                f"`tokens` must be integers of shape {self.token_shape} after the batch. Received: dtype={tokens.dtype.name}, "
                f"shape={tuple(tokens.shape)}"
            )
        if tf.executing_eagerly() and len(tokens):
            low, high = int(tf.reduce_min(tokens)), int(tf.reduce_max(tokens))
            if low < 0 or high >= self.num_tokens:
                raise UserError(f"`tokens` must be from 0 to {self.num_tokens - 1}. Received: from {low} to {high}")
        return tf.cast(tokens, tf.int32)

    # === What it can do ===

    @property
    def latent_network(self):
        """The decoder."""
        return self.decoder

    def sample_latents(self, batch_size, seed):
        """Codes of tokens that are drawn independently, each by how often it is used in training."""
        bounds = tf.cumsum(self.quantizer.usage())
        drawn = uniform([batch_size, *self.token_shape], seed) * bounds[-1]
        tokens = tf.searchsorted(bounds, tf.reshape(drawn, [-1]), side="right")
        tokens = tf.reshape(tf.minimum(tokens, self.num_tokens - 1), tf.shape(drawn))
        return self.quantizer.decode(tokens)

    def call(self, latents, labels=None, training=False):
        """Images of codes, float32 in [-1, 1]."""
        return tf.clip_by_value(self._decode(latents), -1.0, 1.0)

    def decode(self, latents, labels=None):
        """Images of codes, or of vectors between codes, float32 `[batch, height, width, channels]` in [-1, 1]."""
        return self(latents)

    def encode(self, examples, labels=None, seed=None):
        """Codes float32 `[batch, *latent_shape]` of float images in [-1, 1]."""
        return self._quantize(examples, False).codes

    def reconstruct(self, examples, labels=None, seed=None):
        return self.decode(self.encode(examples))

    def get_config(self):
        brought = [*self._brought, "quantizer", *(["discriminator"] if self._discriminator_is_brought else [])]
        has_patches = "discriminator" in self.networks and not self._discriminator_is_brought
        return {
            "name": self.name,
            **({"discriminator": "patches"} if has_patches else {}),
            **{name: keras.saving.serialize_keras_object(self.networks[name]) for name in brought},
            "image_shape": self.image_shape,
            "code_levels": self.code_levels,
            "downsampling": self.downsampling,
            "channels": self.channels,
            "residual_blocks": self.residual_blocks,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("encoder", "quantizer", "decoder", "discriminator"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def get_compile_config(self):
        config = super().get_compile_config()
        config.pop("ema", None)  # No argument of `compile`.
        if "autoencoder_optimizer" in config:
            config["optimizer"] = config.pop("autoencoder_optimizer")
        return config
