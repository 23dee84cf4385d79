"""TarFlow: a normalizing flow of causal transformers over patches."""

import dataclasses

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.generative.sampling_options import TEMPERATURE, SamplingOption
from tfgan_suite.layers.quantizers.quantizer import over_replicas
from tfgan_suite.layers.replicated_state import replicated_state
from tfgan_suite.likelihood.flow_model import FlowModel
from tfgan_suite.likelihood.noise import BatchNoise
from tfgan_suite.models.tarflow.tarflow_network import TarFlowNetwork
from tfgan_suite.models.tarflow.tarflow_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec

GUIDANCE = SamplingOption(
    "guidance", 0.0, 0.0, 10.0, "How far to move away from what is said without a class; 0 samples what was learned."
)
GUIDANCE_ANNEALING = SamplingOption(
    "guidance_annealing",
    0.0,
    0.0,
    1.0,
    "1 lets guidance grow from 0 along the sequence, 0 is the same guidance everywhere.",
)
ATTENTION_TEMPERATURE = SamplingOption(
    "attention_temperature",
    1.0,
    0.1,
    10.0,
    "Temperature of the attention that guidance moves away from: what guides a model without classes.",
)
DENOISING = SamplingOption(
    "denoising", 1.0, 0.0, 1.0, "How much of the noise of a model that was trained with Gaussian noise is taken away."
)

JACOBI_TOLERANCE = SamplingOption(
    "jacobi_tolerance",
    0.0,
    0.0,
    0.1,
    "Above 0 many tokens are made at a time, over and over until none would change by more than this.",
)


@keras.saving.register_keras_serializable("tfgan_suite")
class TarFlow(FlowModel):
    """A flow of causal transformers: patches of an image become normal latents, each shifted and scaled as earlier ones say.

    Each block looks at the patches in the other order than the one before it. `log_prob` bounds the probability of images of
    whole levels; `encode` and `decode` are each other's inverse; `classify` is Bayes' rule in a model with classes.

    Sampling undoes one block after the other, patch by patch, with the keys and values of earlier patches kept.

    Args:
        image_shape: Tuple `(height, width, channels)`. Height and width are multiples of the patch size.
        patch_size: Integer >= 1. Pixels of a side of a patch.
        width: Integer >= 1. Length of the transformers' vectors, a multiple of `head_size`.
        num_blocks: Integer >= 1. Autoregressive transformations: the paper's T.
        layers_per_block: Integer >= 1. Layers of each transformer: the paper's K.
        head_size: Integer >= 1. Length of the vectors of an attention head.
        volume_preserving: Boolean. Whether tokens are shifted alone. `log_prob` is then that of a standard normal prior, as in
            training, and samples have the variance that images turn out to have.
        max_log_scale: Float > 0, the bound of each log-scale, with which samples are finite at every stage of training; `None`
            for the paper's flow without bounds, whose inverse may overflow.
        noise_deviation: Float > 0, the standard deviation of Gaussian noise that images get in training, in units of images in
            [-1, 1]: for samples, which lose it again in a last step. `None` for uniform noise within levels: for likelihoods.
        levels: Integer in [2, 256]. Whole levels of the images.
        num_classes: Integer, or `None` for an unconditional model.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: An argument out of range, or a size that has no such patches.

    Example:

    >>> model = TarFlow(image_shape=(8, 8, 1), width=64, num_blocks=2, layers_per_block=1)
    >>> model.compile()
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = model.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> latents = model.encode(tg.to_float(images))
    >>> bool(np.abs(model.decode(latents) - tg.to_float(images)).max() < 1e-4)
    True

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024).
    """

    presets = PRESETS
    makes_in_loops = True
    sampling_options = (
        *(TEMPERATURE, GUIDANCE, GUIDANCE_ANNEALING, ATTENTION_TEMPERATURE, DENOISING, JACOBI_TOLERANCE),
    )

    def __init__(
        self,
        *,
        image_shape=(64, 64, 3),
        patch_size=2,
        width=768,
        num_blocks=8,
        layers_per_block=8,
        head_size=64,
        volume_preserving=False,
        max_log_scale=3.0,
        noise_deviation=None,
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
        if noise_deviation is not None and (not is_number(noise_deviation) or noise_deviation <= 0):
            raise ValueError(f"`noise_deviation` must be > 0, or `None`. Received: noise_deviation={noise_deviation!r}")
        self.noise_deviation = noise_deviation
        network = TarFlowNetwork(
            image_shape=self.spec.shape,
            patch_size=patch_size,
            width=width,
            num_blocks=num_blocks,
            layers_per_block=layers_per_block,
            head_size=head_size,
            volume_preserving=volume_preserving,
            max_log_scale=max_log_scale,
            num_classes=num_classes,
            seed=seed,
            dtype=kwargs.get("dtype"),
        )
        self.architecture = network.architecture
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        self.add_network("network", network, (keras.Input(self.spec.shape), labels), averaged=True)
        if volume_preserving:
            # What a replica has seen in this step; zero between steps.
            self.prior_squares = replicated_state("prior_squares", network.token_shape, "zeros")
            self.prior_count = replicated_state("prior_count", [], "zeros")
        self.built = True

    # === Training ===

    label_dropout = 0.0

    def default_training(self):
        return {
            **super().default_training(),
            "optimizer": Adam(1e-4, beta_1=0.9, beta_2=0.95, weight_decay=1e-4),
            "label_dropout": 0.1 if self.num_classes is not None else 0.0,
        }

    def compile(self, *positional, label_dropout="auto", **choices):
        """As `TrainedModel.compile`, and: `label_dropout`, float in [0, 1), the share of images that are trained on without class.

        Without such images there is no guidance by classes. `"auto"` is the paper's 0.1.
        """
        chosen = self.resolve_auto(label_dropout=label_dropout)["label_dropout"]
        if not is_number(chosen) or not 0.0 <= chosen < 1.0 or (chosen and self.num_classes is None):
            raise ValueError(
                f"`label_dropout` must be in [0, 1), and 0 without classes. Received: label_dropout={chosen!r}"
            )
        self.label_dropout = float(chosen)
        super().compile(*positional, **choices)
        self._training_choices["label_dropout"] = self.label_dropout

    def updates(self):
        (update,) = super().updates()
        # What Gaussian noise costs is no bound of what levels cost.
        logs = ("loss",) if self.noise_deviation is not None else update.logs
        return [dataclasses.replace(update, logs=logs)]

    def objective(self, batch):
        if self.label_dropout and batch.training:
            noise = BatchNoise(batch.seed, tf.shape(batch.examples)[0])
            dropped = noise.uniform("label_dropout", []) < self.label_dropout
            batch = batch._replace(labels=tf.where(dropped, -1, batch.labels))
        objective = super().objective(batch)
        return objective if self.noise_deviation is None else dataclasses.replace(objective, logs={})

    def noisy_values(self, images, noise):
        if self.noise_deviation is None:
            return super().noisy_values(images, noise)
        return self.dequantize(images, 0.5) + self.noise_deviation * noise.normal("noise", self.spec.shape)

    def normal_values(self, values, labels=None, training=False):
        network = self.network if training else self.ema_network
        tokens, log_det = network.transform(values, labels, training)
        if training and self.architecture["volume_preserving"]:
            self.prior_squares.assign_add(tf.reduce_sum(tf.square(tf.stop_gradient(tokens)), axis=0))
            self.prior_count.assign_add(tf.cast(tf.shape(tokens)[0], tf.float32))
        return tf.reshape(tokens, [-1, self.latent_size]), log_det

    def end_step(self):
        super().end_step()
        if self.architecture["volume_preserving"]:
            squares, count = (
                over_replicas(tf.convert_to_tensor(one)) for one in (self.prior_squares, self.prior_count)
            )
            self.network.prior.move(squares / count)
            self.prior_squares.assign(tf.zeros_like(squares))
            self.prior_count.assign(0.0)

    # === Sampling ===

    def sample_latents(self, batch_size, seed, temperature=1.0, **sampling):
        return super().sample_latents(batch_size, seed, temperature)

    def inverse(
        self,
        latents,
        labels=None,
        guidance=0.0,
        guidance_annealing=0.0,
        attention_temperature=1.0,
        jacobi_tolerance=0.0,
    ):
        """Dequantized images of latents, float32 `[batch, height, width, channels]`, by the averaged network.

        Args:
            latents: float32 `[batch, latent_size]`.
            labels: int32 `[batch]` of a conditional model.
            guidance, guidance_annealing, attention_temperature, jacobi_tolerance: Floats, or one for each image; the sampling
                options.
        """
        return self.ema_network.inverse(
            latents,
            labels,
            jacobi_tolerance,
            weight=guidance,
            annealing=guidance_annealing,
            temperature=attention_temperature,
        )

    def jacobi_passes(self, latents, labels=None, jacobi_tolerance=1e-3):
        """How many passes through a segment of tokens Jacobi iterations take in each block, an int32 array `[num_blocks]`.

        As many as there are tokens are of no use: `jacobi_tolerance=0` is then faster.
        """
        return self.ema_network.inverse_and_passes(latents, labels, jacobi_tolerance)[1].numpy()

    def call(self, latents, labels=None, training=False, temperature=1.0, denoising=1.0, **sampling):
        """Images of latents, float32 in [-1, 1], by the averaged network, and without the noise that it was trained with."""
        values = self.inverse(latents, labels, **sampling)
        if self.noise_deviation is not None:
            share = tf.reshape(tf.cast(denoising, tf.float32), [-1, 1, 1, 1])
            values = values + share * (self.denoise(values, labels) - values)
        return self.to_examples(values)

    def score(self, values, labels=None):
        """The gradient of the log-density with respect to dequantized images.

        Args:
            values: float32 `[batch, height, width, channels]`.
            labels: int32 `[batch]` of a conditional model.

        Returns:
            float32 of the same shape.
        """
        values = tf.convert_to_tensor(values)
        with tf.GradientTape() as tape:
            tape.watch(values)
            normal_values, log_det = self.normal_values(values, labels)
            log_density = log_det - 0.5 * tf.reduce_sum(tf.square(normal_values), axis=1)
        return tape.gradient(log_density, values)

    def denoise(self, values, labels=None, deviation=None):
        """The expected image without its Gaussian noise, if images with such noise are what the density is of.

        Args:
            values: float32 `[batch, height, width, channels]`, dequantized images with noise.
            labels: int32 `[batch]` of a conditional model.
            deviation: Float > 0. The standard deviation of the noise; by default that of training.

        Returns:
            float32 of the same shape: `values + deviation^2 * score(values)`.

        Raises:
            ValueError: No deviation is given, and the model was not trained with such noise.

        Reference: Tweedie's formula, after Robbins, "An empirical Bayes approach to statistics" (1956); Zhai et al. (2024),
        section 2.4.
        """
        deviation = self.noise_deviation if deviation is None else deviation
        if deviation is None:
            raise ValueError("`deviation` must be given for a model with uniform noise. Received: deviation=None")
        return values + deviation**2 * self.score(values, labels)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            **self.architecture,
            "noise_deviation": self.noise_deviation,
            "levels": self.spec.levels,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
