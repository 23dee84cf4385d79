"""StyleGAN2: the networks and the paper's training, on the common step of `GAN`."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial import losses, penalties
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import lazily_regularized_adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.models.stylegan2.style_mixing import StyleMixing
from tfgan_suite.models.stylegan2.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator
from tfgan_suite.models.stylegan2.stylegan2_presets import PRESETS


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleGAN2(GAN):
    """StyleGAN2, for images of 16 to 1024 pixels, with or without classes. The defaults are the paper's config F.

    Args:
        image_shape: Tuple `(height, width, channels)`: both sides a multiple of 4 doubled equally often; 1, 3 or 4 channels.
        num_classes: Integer, or `None` for an unconditional model.
        latent_size: Integer. Length of a latent vector z.
        w_size: Integer. Length of a style w.
        num_mapping_layers: Integer. Layers from z to w.
        channel_base: Integer. Channels at a resolution are `channel_base / resolution`. `"auto"` is 32768 from 512 pixels on
            and 16384 below, as in ADA's automatic configuration.
        max_channels: Integer. Upper bound of the channels.
        generator_architecture: String, `"skip"`, `"resnet"` or `"orig"`.
        discriminator_architecture: String, `"resnet"`, `"skip"` or `"orig"`.
        minibatch_stddev_group_size: Integer. Number of images whose standard deviation the discriminator sees together.
        conv_clamp: Float, the bound of activations, or `None`; 256 is right with mixed precision.
        num_mixed_precision_resolutions: Integer. How many of the highest resolutions use mixed precision, if the dtype
            policy asks for it.
        use_noise: Boolean. Whether the generator has noise inputs, as in the paper.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.
        generator: A network to use instead of one built from the arguments above, such as an imported one.
        discriminator: Likewise. Pass both networks or neither.

    Example:

    >>> gan = StyleGAN2(image_shape=(16, 16, 3), latent_size=32, w_size=32, num_mapping_layers=2, channel_base=256)
    >>> gan.compile()
    >>> gan.generate(4, truncation=0.7).shape
    (4, 16, 16, 3)

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020). Presets also: Karras et
    al., "Training Generative Adversarial Networks with Limited Data" (2020).
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(256, 256, 3),
        num_classes=None,
        latent_size=512,
        w_size=512,
        num_mapping_layers=8,
        channel_base=32768,
        max_channels=512,
        generator_architecture="skip",
        discriminator_architecture="resnet",
        minibatch_stddev_group_size=4,
        conv_clamp=None,
        num_mixed_precision_resolutions=4,
        use_noise=True,
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
        if channel_base == "auto":
            channel_base = 32768 if max(image_shape[:2]) >= 512 else 16384
        shared = {
            "image_shape": tuple(image_shape),
            "num_classes": num_classes,
            "channel_base": channel_base,
            "max_channels": max_channels,
            "conv_clamp": conv_clamp,
            "num_mixed_precision_resolutions": num_mixed_precision_resolutions,
            "dtype": kwargs.get("dtype"),
        }
        if generator is None:
            generator = StyleGAN2Generator(
                latent_size=latent_size,
                w_size=w_size,
                num_mapping_layers=num_mapping_layers,
                architecture=generator_architecture,
                use_noise=use_noise,
                seed=seed,
                **shared,
            )
            discriminator = StyleGAN2Discriminator(
                architecture=discriminator_architecture,
                minibatch_stddev_group_size=minibatch_stddev_group_size,
                # Neighbours, so that two replicas see the groups that one device would.
                minibatch_stddev_grouping="contiguous",
                seed=seed + 1000,
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
        self.style_mixing = None

    def default_training(self):
        return {
            **super().default_training(),
            # Section 3.1 and appendix B.
            "generator_optimizer": lazily_regularized_adam(0.002, interval=4),
            "discriminator_optimizer": lazily_regularized_adam(0.002, interval=16),
            "loss": losses.NonSaturating(),
            "discriminator_penalties": [penalties.R1(weight=10.0, interval=16)],
            "generator_penalties": [penalties.PathLength(weight=2.0, interval=4, style_mixing=StyleMixing(0.9))],
            "ema": ExponentialMovingAverage(half_life_images=10_000, rampup_ratio=None),
            "style_mixing": StyleMixing(0.9),
        }

    def compile(self, *positional, style_mixing="auto", **choices):
        """As `GAN.compile`, and: `style_mixing`, a `StyleMixing` or `None`."""
        super().compile(*positional, **choices)
        self.style_mixing = self.resolve_auto(style_mixing=style_mixing)["style_mixing"]
        self._training_choices["style_mixing"] = self.style_mixing

    # === Hooks ===

    def sample_latents(self, batch_size, seed, truncation=1.0):
        """Normal latents. It is their styles that `call` truncates."""
        return super().sample_latents(batch_size, seed)

    def call(self, latents, labels=None, training=False, truncation=1.0):
        images = self.ema_generator(latents, labels, training=training, truncation=truncation)
        return tf.cast(images, tf.float32)

    def generate_fakes(self, latents, labels, seed):
        ws = self.generator.map(latents, labels)  # [batch, num_ws, w_size]
        self.generator.mapping.update_average(ws)
        if self.style_mixing is not None:
            ws = self.style_mixing(self.generator, ws, labels, fold(seed, "style_mixing"))
        return self.generator.synthesize(ws, noise="random", seed=fold(seed, "noise"))
