"""R3GAN: networks without tricks, a relativistic loss, and both gradient penalties, on the common step of `GAN`."""

import keras

from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.adversarial.losses import Relativistic
from tfgan_suite.models.r3gan.r3gan_discriminator import R3GANDiscriminator
from tfgan_suite.models.r3gan.r3gan_generator import R3GANGenerator
from tfgan_suite.models.r3gan.r3gan_presets import PRESETS, burn_in
from tfgan_suite.models.r3gan.r3gan_stages import as_config


@keras.saving.register_keras_serializable("tfgan_suite")
class R3GAN(GAN):
    """R3GAN, for square images of a power of two, gray or color, with or without classes.

    Its loss compares each fake with a real image of the same class, and so do the two updates, each with real images of its own:
    a step reads twice the batch of one update. Counts of images are of images that were read, twice the reference's.

    Args:
        image_shape: Tuple `(size, size, channels)`, where size is a power of two from 4.
        num_classes: Integer, or `None` for an unconditional model.
        latent_size: Integer. Length of a latent vector.
        widths: Integers, the channels at 4x4, 8x8, ... up to the image's size; or one for all.
        groups: Likewise the groups of the 3x3 convolutions.
        blocks: Likewise the number of residual blocks.
        expansion: Integer. How many times as many channels there are within a block.
        class_size: Integer. Length of a class's vector in the generator.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Example:

    >>> gan = R3GAN(image_shape=(16, 16, 1), num_classes=3, widths=8, groups=2, blocks=1)
    >>> gan.compile()
    >>> gan.generate(3, labels=[0, 1, 2]).shape
    (3, 16, 16, 1)

    Reference: Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern Baseline GAN" (2024). The
    defaults are the paper's CIFAR-10 networks.
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(32, 32, 3),
        num_classes=None,
        latent_size=64,
        widths=768,
        groups=96,
        blocks=2,
        expansion=2,
        class_size=64,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        architecture = {
            "image_shape": tuple(image_shape),
            "widths": widths,
            "groups": groups,
            "blocks": blocks,
            "expansion": expansion,
            "num_classes": num_classes,
            "dtype": kwargs.get("dtype"),
        }
        super().__init__(
            R3GANGenerator(latent_size=latent_size, class_size=class_size, seed=seed, **architecture),
            R3GANDiscriminator(seed=seed + 100_000, **architecture),
            image_shape=image_shape,
            latent_size=latent_size,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.widths, self.groups, self.blocks = map(as_config, (widths, groups, blocks))
        self.expansion = expansion
        self.class_size = class_size

    def default_training(self):
        return {
            **super().default_training(),
            "loss": Relativistic(),
            "separate_batches": True,
            **burn_in(self),
        }

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "latent_size": self.latent_size,
            "widths": self.widths,
            "groups": self.groups,
            "blocks": self.blocks,
            "expansion": self.expansion,
            "class_size": self.class_size,
            "label_weights": self.label_weights,
            "san_head": self.san_head,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
