"""DCGAN: the networks and the paper's training, on the common step of `GAN`."""

import keras

from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.generative import latents
from tfgan_suite.models.dcgan.dcgan_discriminator import DCGANDiscriminator
from tfgan_suite.models.dcgan.dcgan_generator import DCGANGenerator
from tfgan_suite.models.dcgan.dcgan_presets import PRESETS


@keras.saving.register_keras_serializable("tfgan_suite")
class DCGAN(GAN):
    """Deep convolutional GAN, for images of 8 to 128 pixels, gray or color, with or without classes.

    Args:
        image_shape: Tuple `(size, size, channels)`; size is one of 8, 16, 32, 64, 128.
        num_classes: Integer, or `None` for the paper's unconditional model.
        latent_size: Integer. Length of a latent vector.
        base_channels: Integer. Channels at half the image's size, in both networks; doubled at each halving.
        max_channels: Integer. Upper bound of that doubling.
        kernel_size: Integer. Kernel size of every convolution.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), num_classes=10, base_channels=4)
    >>> gan.compile()
    >>> gan.generate(4, labels=[0, 1, 2, 3]).shape
    (4, 32, 32, 1)

    Reference: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks" (2016). The defaults are the paper's at 64x64.
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(64, 64, 3),
        num_classes=None,
        latent_size=100,
        base_channels=128,
        max_channels=1024,
        kernel_size=5,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        architecture = {
            "image_shape": tuple(image_shape),
            "base_channels": base_channels,
            "max_channels": max_channels,
            "kernel_size": kernel_size,
            "num_classes": num_classes,
        }
        super().__init__(
            DCGANGenerator(latent_size=latent_size, seed=seed, dtype=kwargs.get("dtype"), **architecture),
            DCGANDiscriminator(seed=seed + 1000, dtype=kwargs.get("dtype"), **architecture),
            image_shape=image_shape,
            latent_size=latent_size,
            num_classes=num_classes,
            label_weights=label_weights,
            latent_distribution=latents.Uniform(),
            seed=seed,
            **kwargs,
        )
        self.base_channels = base_channels
        self.max_channels = max_channels
        self.kernel_size = kernel_size

    def default_training(self):
        return {
            **super().default_training(),
            # Section 4: Adam with rate 0.0002 and beta1 0.5, batches of 128.
            "generator_optimizer": Adam(2e-4, beta_1=0.5),
            "discriminator_optimizer": Adam(2e-4, beta_1=0.5),
            # Not in the paper, which samples the trained weights themselves.
            "ema": ExponentialMovingAverage(half_life_images=10_000, rampup_ratio=0.05, average_buffers=True),
            "reuse_fakes": True,
        }

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "max_channels": self.max_channels,
            "kernel_size": self.kernel_size,
            "label_weights": self.label_weights,
            "san_head": self.san_head,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
