"""MoCoGAN: clips of video from content and motion, on the common step of `GAN`."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.networks import call_network
from tfgan_suite.models.mocogan.mocogan_discriminator import MoCoGANDiscriminator
from tfgan_suite.models.mocogan.mocogan_generator import MoCoGANGenerator
from tfgan_suite.models.mocogan.mocogan_presets import PRESETS
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config
from tfgan_suite.specs.video_spec import VideoSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class MoCoGAN(GAN):
    """A GAN of clips: what is seen stays, how it moves goes on; one discriminator of frames, and one of clips.

    Args:
        spec: `VideoSpec`, or a dict that `spec_from_config` takes. Square frames of 8 to 128 pixels.
        num_classes: Integer, or `None` for the paper's unconditional model.
        content_size: Integer. Length of the content latent.
        motion_size: Integer. Length of a motion latent.
        base_channels: Integer. Channels at half the size of a frame, in all networks; doubled at each halving.
        shown_frames: Integer. Frames of a clip that the discriminator of frames sees in a step.
        kernel_size: Integer. Size of every kernel.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: Examples of another kind, or frames of another size.

    Example:

    >>> gan = MoCoGAN(VideoSpec((4, 8, 8, 1)), base_channels=2)
    >>> gan.generate(2).shape, gan.generate(2).dtype
    ((2, 4, 8, 8, 1), dtype('uint8'))

    Reference: Tulyakov, Liu, Yang, Kautz, "MoCoGAN: Decomposing Motion and Content for Video Generation" (2018).
    """

    presets = PRESETS

    def __init__(
        self,
        spec=None,
        num_classes=None,
        content_size=50,
        motion_size=10,
        base_channels=64,
        shown_frames=1,
        kernel_size=4,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        spec = spec_from_config(spec) if isinstance(spec, dict) else spec or VideoSpec((16, 64, 64, 3))
        if not isinstance(spec, VideoSpec):
            raise ValueError(f"`spec` must be a VideoSpec, of clips. Received: spec={spec!r}")
        architecture = {
            "clip_shape": spec.shape,
            "base_channels": base_channels,
            "kernel_size": kernel_size,
            "num_classes": num_classes,
            "dtype": kwargs.get("dtype"),
        }
        generator = MoCoGANGenerator(content_size=content_size, motion_size=motion_size, seed=seed, **architecture)
        super().__init__(
            generator,
            MoCoGANDiscriminator(shown_frames=shown_frames, seed=seed + 1000, **architecture),
            spec=spec,
            latent_size=generator.latent_size,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.content_size = content_size
        self.motion_size = motion_size
        self.base_channels = base_channels
        self.shown_frames = shown_frames
        self.kernel_size = kernel_size

    def default_training(self):
        return {
            **super().default_training(),
            # Section 4: Adam with rate 0.0002 and beta1 0.5.
            "generator_optimizer": Adam(2e-4, beta_1=0.5),
            "discriminator_optimizer": Adam(2e-4, beta_1=0.5),
            # Not in the paper, which samples the trained weights themselves.
            "ema": ExponentialMovingAverage(half_life_images=2_000, rampup_ratio=0.05, average_buffers=True),
            "reuse_fakes": True,
        }

    # === Two discriminators ===

    def discriminate(self, images, labels=None, training=False):
        """Logits float32 `[batch]` of float clips: that of the clip, and the mean of those of its frames."""
        return _in_one(self._parts(images, labels, training))

    def _parts(self, clips, labels, training):
        return tf.cast(call_network(self.discriminator, clips, labels, training=training), tf.float32)

    def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
        """Equation 8: the losses of both discriminators, added."""
        real = discriminate(real_images, real_labels, score=self._parts)
        fake = discriminate(fake_images, fake_labels, score=self._parts)
        return _in_one(self.adversarial_loss.discriminator_loss(real, fake)), _in_one(real), _in_one(fake)

    def compute_generator_loss(self, discriminate, fake_images, fake_labels, real_images, real_labels):
        loss = self.adversarial_loss
        real = discriminate(real_images, real_labels, score=self._parts) if loss.uses_real_logits else None
        return _in_one(loss.generator_loss(discriminate(fake_images, fake_labels, score=self._parts), real))

    def get_config(self):
        return {
            "name": self.name,
            "spec": spec_to_config(self.spec),
            "num_classes": self.num_classes,
            "content_size": self.content_size,
            "motion_size": self.motion_size,
            "base_channels": self.base_channels,
            "shown_frames": self.shown_frames,
            "kernel_size": self.kernel_size,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def _in_one(parts):
    """That of the clip and the mean of those of its frames, `[batch]`, of values `[batch, 1 + frames]`."""
    return parts[:, 0] + tf.reduce_mean(parts[:, 1:], axis=1)
