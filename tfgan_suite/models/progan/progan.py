"""ProGAN: networks that grow from 4x4 pixels, trained by the common step of `GAN` at one level after another."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.adversarial import losses, penalties
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.models.progan.auxiliary_classifier import AuxiliaryClassifierGAN
from tfgan_suite.models.progan.image_pyramid import fade_detail, reduce
from tfgan_suite.models.progan.progan_discriminator import ProGANDiscriminator
from tfgan_suite.models.progan.progan_generator import ProGANGenerator
from tfgan_suite.models.progan.progan_phase_parts import AtFullSize, start_afresh
from tfgan_suite.models.progan.progan_presets import PRESETS
from tfgan_suite.models.progan.progan_schedule import SCHEDULES, ProGANSchedule

NO_TRUNCATION = dataclasses.replace(
    TRUNCATION,
    minimum=1.0,
    description="ProGAN cannot truncate: its generator brings all latents to one length, so that none is nearer to the "
    "average than another.",
)


@keras.saving.register_keras_serializable("tfgan_suite")
class ProGAN(AuxiliaryClassifierGAN):
    """ProGAN, for square images of 4 to 1024 pixels. The defaults are the paper's.

    `fit` alone trains at full size. `fit_progressively` grows the model, as does `tfgan_suite.train`: by
    `begin_phase`, between ordinary calls of `fit`, each on images of its own size. What is generated in between is
    what the levels trained so far can do, shown at full size. With classes the discriminator guesses them, see
    `AuxiliaryClassifierGAN`.

    Args:
        image_shape: Tuple `(size, size, channels)`; size is 4 times a power of two.
        num_classes: Integer, or `None` for an unconditional model.
        latent_size: Integer. Length of a latent vector.
        channel_base: Integer. Channels at `size` pixels are `2 * channel_base / size`.
        max_channels: Integer. Upper bound of the channels at small sizes.
        fused_scaling: Boolean. Whether convolutions double and halve the size themselves.
        padding: String. What the generator's convolutions see beyond the edges: `"zeros"`, or `"wrap"` for the opposite
            edge, so that images can be laid side by side without a seam.
        minibatch_stddev_group_size: Integer, or `None` for the whole batch. Number of images whose standard deviation the
            discriminator sees together.
        schedule: A `ProGANSchedule` that says when to grow, a dict of its arguments, or `None` for the paper's.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.
        generator: A network to use instead of one built from the arguments above, such as an imported one.
        discriminator: Likewise. Pass both networks or neither.

    Example:

    >>> gan = ProGAN(image_shape=(16, 16, 3), latent_size=8, channel_base=64, max_channels=8)
    >>> gan.compile(loss=losses.NonSaturating(), discriminator_penalties=[penalties.R1(10.0)])  # Instead of WGAN-GP.
    >>> gan.generate(4).shape
    (4, 16, 16, 3)

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018).
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(1024, 1024, 3),
        num_classes=None,
        latent_size=512,
        channel_base=8192,
        max_channels=512,
        fused_scaling=True,
        padding="zeros",
        minibatch_stddev_group_size=4,
        schedule=None,
        label_weights=None,
        seed=0,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if (generator is None) != (discriminator is None):
            raise ValueError(
                "`generator` and `discriminator` must be passed together, or neither. Received one of them."
            )
        if generator is None:
            shared = {
                "image_shape": tuple(image_shape),
                "num_classes": num_classes,
                "channel_base": channel_base,
                "max_channels": max_channels,
                "fused_scaling": fused_scaling,
                "dtype": kwargs.get("dtype"),
            }
            generator = self._make_generator(latent_size=latent_size, padding=padding, seed=seed, **shared)
            discriminator = ProGANDiscriminator(
                minibatch_stddev_group_size=minibatch_stddev_group_size,
                # Neighbours, so that two replicas see the groups that one device would.
                minibatch_stddev_grouping="contiguous",
                san_head=kwargs.get("san_head", False),
                seed=seed + 100_000,
                **shared,
            )
        super().__init__(
            generator,
            discriminator,
            image_shape=generator.image_shape,
            latent_size=generator.latent_size,
            num_classes=generator.num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        if schedule is None:
            schedule = SCHEDULES["paper"]
        self.schedule = schedule if isinstance(schedule, ProGANSchedule) else ProGANSchedule(**schedule)
        self.schedule.phases(self.image_shape[0])  # Refuses one that does not lead to this size.
        self.phase = None
        # Saved: what pictures are made with, and the level that the optimizers' state belongs to (-1 for none).
        self.level_of_detail = self._add_state("level_of_detail", "float32", "zeros")
        self.optimizers_level = self._add_state("optimizers_level", "int64", keras.initializers.Constant(-1))

    def _make_generator(self, **arguments):
        return ProGANGenerator(**arguments)

    def _add_state(self, name, dtype, initializer):
        options = {"shape": (), "trainable": False, "aggregation": "only_first_replica"}
        return self.add_weight(name=name, dtype=dtype, initializer=initializer, **options)

    def default_training(self):
        return {
            **super().default_training(),
            # Appendix A.1.
            "generator_optimizer": Adam(0.001, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
            "discriminator_optimizer": Adam(0.001, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
            "loss": losses.Wasserstein(),
            "discriminator_penalties": [penalties.GradientPenalty(10.0), penalties.Drift(0.001)],
            "ema": ExponentialMovingAverage(decay=0.999),
        }

    # === Growing ===

    def training_phases(self, total_images=None, batch_size=None):
        self._check_rates()
        schedule = self.schedule
        if total_images is not None:
            schedule = dataclasses.replace(schedule, total_images=total_images)
        if batch_size is not None:
            schedule = dataclasses.replace(schedule, batch_size=batch_size, batch_sizes={})
        return schedule.phases(self.image_shape[0])

    def begin_phase(self, phase):
        """Trains at a phase's level and rate from here on; on a new level the optimizers start afresh.

        Args:
            phase: A `ProGANPhase`. The same one again, as after a restart, changes nothing.

        Raises:
            UserError: A learning rate follows a schedule.
        """
        self._check_rates()
        for optimizer, network in (
            (self.generator_optimizer, self.generator),
            (self.discriminator_optimizer, self.discriminator),
        ):
            optimizer.learning_rate = phase.learning_rate
            if int(self.optimizers_level.numpy()) != phase.level:
                with self.distribute_strategy.scope():
                    start_afresh(optimizer, network.trainable_variables)
        self.optimizers_level.assign(phase.level)
        if phase != self.phase:
            self.phase = phase
            self.train_function = self.test_function = None  # Level and fade are built into their graphs.
        self.level_of_detail.assign(phase.level + self._fade())

    def _check_rates(self):
        for name, optimizer in self.optimizers.items():
            if not hasattr(optimizer.learning_rate, "assign"):
                raise UserError(
                    f"`{name}_optimizer` must have a constant learning rate, which each phase sets. Received: a schedule. "
                    f"Set the rates of {type(self).__name__} in its ProGANSchedule, `learning_rates`."
                )

    @property
    def level(self):
        """The level in training: 0 for the full size, 1 for half of it, and so on."""
        return 0 if self.phase is None else self.phase.level

    def _fade(self):
        """Share of the next coarser level: a function of the images seen, so that it continues after a restart."""
        if self.phase is None or not self.phase.fades:
            return 0.0
        fade = self.phase.fade_at(tf.convert_to_tensor(self.examples_seen))
        return tf.clip_by_value(tf.cast(fade, tf.float32), 0.0, 1.0)

    # === Hooks ===

    @property
    def sampling_options(self):
        return (NO_TRUNCATION,) if self.generator.normalize_latents else super().sampling_options

    def call(self, latents, labels=None, training=False, truncation=1.0):
        level_of_detail = tf.convert_to_tensor(self.level_of_detail)
        images = self.ema_generator(latents, labels, training=training, level_of_detail=level_of_detail)
        return tf.cast(images, tf.float32)

    def generate_fakes(self, latents, labels, seed):
        return self.generator.synthesize_at(latents, labels, self.level, self._fade())

    def discriminate(self, images, labels=None, training=False):
        return self.score(images)[0]

    def score(self, images, labels=None, training=False):
        """Logits float32 `[batch]` and class logits `[batch, num_classes]`, or `None`, of the level in training.

        Images may be of that level's size, or larger.
        """
        images = reduce(images, images.shape[1] // self.discriminator.size_at(self.level))
        logits, class_logits = self.discriminator.score_at(images, self.level, self._fade())
        return tf.cast(logits, tf.float32), class_logits

    # === Parts of the step ===

    def unpack(self, data, shape=None):
        size = self.generator.size_at(self.level)
        images, labels = super().unpack(data, (size, size, self.image_shape[-1]))
        fade = self._fade()
        return images if isinstance(fade, float) else fade_detail(images, fade), labels

    def apply_penalty(self, penalty, *arguments):
        return super().apply_penalty(AtFullSize(penalty, 2.0**self.level), *arguments)

    def extra_logs(self):
        return (*super().extra_logs(), "level_of_detail")

    def halvings(self):
        return math.ceil(float(np.asarray(self.level_of_detail)))

    def end_step(self):
        self.level_of_detail.assign(self.level + self._fade())
        self.track_value("level_of_detail", tf.convert_to_tensor(self.level_of_detail))

    def get_config(self):
        return {**super().get_config(), "schedule": dataclasses.asdict(self.schedule)}
