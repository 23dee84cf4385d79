"""BigGAN and BigGAN-deep: the networks and the paper's training, on the common step of `GAN`."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial import losses, penalties
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.latents import TruncatedNormal
from tfgan_suite.layers.standing_batch_normalization import standing_statistics
from tfgan_suite.models.biggan.biggan_architecture import paper_attention_resolutions, paper_latent_size
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator
from tfgan_suite.models.biggan.biggan_presets import PRESETS


@keras.saving.register_keras_serializable("tfgan_suite")
class BigGAN(GAN):
    """BigGAN and BigGAN-deep, for square images of 32 to 512 pixels with classes. The defaults are the paper's.

    Each call of a network in training mode moves its power iterations by one step, and the generator's running
    moments: with k discriminator steps, both networks are called k + 1 times a step. A penalty that calls the
    discriminator moves them once more. Averages hold the trained generator's latest iterations and moments.

    Args:
        image_shape: Tuple `(size, size, channels)`; size is one of 32, 64, 128, 256, 512.
        num_classes: Integer >= 1. Number of classes.
        latent_size: Integer, the length of a latent vector, or `None` for 20 for each part of BigGAN's (120 at 128
            pixels) and 128 for BigGAN-deep.
        base_channels: Integer. Channels of the table's unit; 96 in the paper, 128 in BigGAN-deep.
        shared_size: Integer, the length of the classes' vectors, or `None` for gains and biases of each class's own.
        hierarchical: Boolean. Whether all blocks see the latents, or the first layer alone.
        attention_resolutions: List of integers, the sizes after which self-attention stands, or `None` for the paper's.
        variant: String, `"biggan"` or `"deep"`.
        depth: Integer. Blocks at each size of BigGAN-deep.
        initializer: String, `"orthogonal"`, or `"normal"` for N(0, 0.02).
        spectral_norm_epsilon: Float. Smallest norm in the power iterations.
        rematerialize: Boolean. Whether blocks are computed again for the gradient instead of being kept: a fraction of the
            memory for about a third more time.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
            `tfgan_suite.train` takes the data's.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.
        generator: A network to use instead of one built from the arguments above, such as an imported one.
        discriminator: Likewise. Pass both networks or neither.

    Raises:
        ValueError: No classes, one network alone, or an architecture that the paper does not have.

    Example:

    >>> gan = BigGAN(image_shape=(32, 32, 3), num_classes=10, base_channels=4, shared_size=8, latent_size=16)
    >>> gan.compile()
    >>> gan.generate(4, labels=7, truncation=0.5).shape
    (4, 32, 32, 3)

    Reference: Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019).
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(128, 128, 3),
        num_classes=1000,
        latent_size=None,
        base_channels=96,
        shared_size=128,
        hierarchical=True,
        attention_resolutions=None,
        variant="biggan",
        depth=2,
        initializer="orthogonal",
        spectral_norm_epsilon=1e-6,
        rematerialize=False,
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
            if not num_classes:
                raise ValueError(
                    "`num_classes` must be >= 1: BigGAN is made for images with classes. Received: "
                    f"num_classes={num_classes}. Prepare the data with labels, or train a DCGAN, ProGAN or StyleGAN2."
                )
            if attention_resolutions is None:
                attention_resolutions = paper_attention_resolutions(image_shape[0], variant)
            shared = {
                "image_shape": tuple(image_shape),
                "num_classes": num_classes,
                "base_channels": base_channels,
                "attention_resolutions": attention_resolutions,
                "variant": variant,
                "depth": depth,
                "initializer": initializer,
                "spectral_norm_epsilon": spectral_norm_epsilon,
                "rematerialize": rematerialize,
                "dtype": kwargs.get("dtype"),
            }
            generator = BigGANGenerator(
                latent_size=latent_size or paper_latent_size(image_shape[0], variant),
                shared_size=shared_size,
                hierarchical=hierarchical,
                seed=seed,
                **shared,
            )
            discriminator = BigGANDiscriminator(seed=seed + 1000, **shared)
        kwargs.setdefault("latent_distribution", TruncatedNormal())
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

    def default_training(self):
        return {
            **super().default_training(),
            # Section 3 and appendix C.
            "generator_optimizer": Adam(5e-5, beta_1=0.0, beta_2=0.999),
            "discriminator_optimizer": Adam(2e-4, beta_1=0.0, beta_2=0.999),
            "loss": losses.Hinge(),
            "generator_penalties": [penalties.Orthogonal(1e-4)],
            "ema": ExponentialMovingAverage(decay=0.9999, start_step=20_000),
            "discriminator_steps": 2,
        }

    def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
        """One call on fakes and real images together: one step of the power iterations, one pass through the weights.

        They alternate, so that draws for each image are the same for any number of replicas.
        """
        logits = discriminate(_alternate(fake_images, real_images), _alternate(fake_labels, real_labels))
        fake_logits, real_logits = tf.unstack(tf.reshape(logits, [-1, 2]), axis=1)
        return self.adversarial_loss.discriminator_loss(real_logits, fake_logits), real_logits, fake_logits

    def accumulate_standing_statistics(self, num_batches=16, batch_size=64, truncation=1.0, seed=0):
        """Gives the averaged generator moments of its own, over many generated images, instead of running ones.

        The running moments are the trained generator's, and stem from a few late batches. Do this before sampling,
        scoring or exporting; training on replaces the moments again.

        Args:
            num_batches: Integer >= 1. Number of batches over which the moments are averaged.
            batch_size: Integer >= 2. Images in each.
            truncation: Float in [0, 1]. Truncation of the latents: moments fit best what is sampled with the same truncation.
            seed: Integer. Seed for latents and labels.

        Raises:
            ValueError: An argument out of range.

        Example:

        >>> gan = BigGAN(image_shape=(32, 32, 3), num_classes=10, base_channels=4, shared_size=8, latent_size=16)
        >>> gan.accumulate_standing_statistics(num_batches=2, batch_size=4)

        Reference: Brock et al. (2019), appendix C.1.
        """
        if num_batches < 1 or batch_size < 2:
            raise ValueError(f"`num_batches` must be >= 1 and `batch_size` >= 2. Received: {num_batches}, {batch_size}")
        # The network is frozen, so that its power iterations stay where they are.
        run_batch = tf.function(lambda latents, labels: self.ema_generator(latents, labels, training=True))
        with standing_statistics(self.ema_generator):
            for index in range(num_batches):
                batch_seed = fold(seed, "standing_statistics", index)
                latents = self.sample_latents(batch_size, fold(batch_seed, "latents"), truncation=truncation)
                run_batch(latents, self.sample_labels(batch_size, fold(batch_seed, "labels")))


def _alternate(first, second):
    """`[first[0], second[0], first[1], ...]` of two tensors of one shape."""
    return tf.reshape(tf.stack([first, second], axis=1), [-1, *first.shape[1:]])
