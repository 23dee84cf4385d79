"""GAT: two transformers over patches and several levels of one image, on the common step of `GAN`."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.adversarial.losses import Relativistic
from tfgan_suite.foundation.randomness import draw_per_example, fold, normal
from tfgan_suite.generative.sampling_options import TRUNCATION, SamplingOption
from tfgan_suite.models.gat.gat_discriminator import GATDiscriminator
from tfgan_suite.models.gat.gat_generator import GATGenerator
from tfgan_suite.models.gat.gat_presets import PRESETS, paper_training
from tfgan_suite.models.gat.level_noise import add_noise

GUIDANCE = SamplingOption(
    name="guidance",
    default=1.0,
    minimum=0.0,
    maximum=4.0,
    description="1 samples what the model has learned; larger values move further from what other classes have in common.",
)


@keras.saving.register_keras_serializable("tfgan_suite")
class GAT(GAN):
    """GAT, for images of any number of channels whose sides are multiples of the patch, with or without classes.

    The generator paints the image several times. The discriminator sees all of these levels at once, the first ones under much
    noise; of a real image each level is the image itself. Networks are of pixels here, those of the paper of a VAE's latents.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer, or `None` for an unconditional model.
        latent_size: Integer. Length of a latent vector, and of a class's vector in the generator.
        patch_size: Integer. Pixels of a side of a patch. Time and memory grow with the square of the number of patches.
        width: Integer. Length of tokens, a multiple of 4 times `num_heads`.
        depth: Integer. Blocks of each network, a multiple of `num_levels`.
        num_heads: Integer. Heads of the attention.
        num_levels: Integer. How many times the image is painted.
        class_map_size: Integer. Numbers that stand for a class in the discriminator.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Example:

    >>> gan = GAT(image_shape=(8, 8, 1), num_classes=3, latent_size=4, width=16, depth=4, num_heads=2, class_map_size=8)
    >>> gan.compile()
    >>> gan.generate(3, labels=[0, 1, 2], truncation=0.7, guidance=1.5).shape
    (3, 8, 8, 1)

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025). The defaults are the paper's GAT-S.
    """

    presets = PRESETS

    def __init__(
        self,
        image_shape=(32, 32, 3),
        num_classes=None,
        latent_size=64,
        patch_size=2,
        width=384,
        depth=12,
        num_heads=6,
        num_levels=4,
        class_map_size=2048,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        architecture = {
            "image_shape": tuple(image_shape),
            "patch_size": patch_size,
            "width": width,
            "depth": depth,
            "num_heads": num_heads,
            "num_levels": num_levels,
            "num_classes": num_classes,
            "dtype": kwargs.get("dtype"),
        }
        super().__init__(
            GATGenerator(latent_size=latent_size, seed=seed, **architecture),
            GATDiscriminator(class_map_size=class_map_size, seed=seed + 100_000, **architecture),
            image_shape=image_shape,
            latent_size=latent_size,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.patch_size = patch_size
        self.width = width
        self.depth = depth
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.class_map_size = class_map_size

    def default_training(self):
        return {**super().default_training(), "loss": Relativistic(), **paper_training(self.width)}

    # === Sampling ===

    @property
    def sampling_options(self):
        return (TRUNCATION,) if self.num_classes is None else (TRUNCATION, GUIDANCE)

    def sample_latents(self, batch_size, seed, truncation=1.0, guidance=1.0):
        """Normal latents. It is their styles that `call` truncates and guides."""
        return super().sample_latents(batch_size, seed)

    def call(self, latents, labels=None, training=False, truncation=1.0, guidance=1.0):
        return self.ema_generator(latents, labels, training=training, truncation=truncation, guidance=guidance)

    # === Hooks ===

    def generate_fakes(self, latents, labels, seed):
        """All levels, one after another along the channels: `[batch, height, width, num_levels * channels]`."""
        styles = self.generator.map(latents, labels)
        self.generator.update_averages(styles, labels)
        return tf.concat(self.generator.synthesize_levels(styles), axis=-1)

    def view(self, images, seed):
        """Levels as the discriminator sees them in training: augmented alike, each under noise of its own strength."""
        levels = [super(GAT, self).view(level, seed) for level in self._levels_of(images)]
        levels = self._all_levels(levels)
        shape = [self.num_levels, *self.image_shape]
        # A real image is one, and its noise another than that of the fake it is compared with.
        side = "real" if images.shape[-1] == self.image_shape[-1] else "fake"
        draws = draw_per_example(
            lambda count, seed: normal([count, *shape], seed), tf.shape(images)[0], fold(seed, "noise", side)
        )
        return tf.concat(add_noise(levels, tf.unstack(draws, axis=1)), axis=-1)

    def discriminate(self, images, labels=None, training=False):
        """Logits float32 `[batch]`. Images of one level are taken for all of them, under noise that is the same for each image."""
        if not training and images.shape[-1] == self.image_shape[-1]:
            levels = self._all_levels([tf.cast(images, tf.float32)])
            draws = normal([self.num_levels, 1, *self.image_shape], fold(self.seed, "noise of levels"))
            images = tf.concat(add_noise(levels, tf.unstack(draws)), axis=-1)
        return super().discriminate(images, labels, training)

    def _levels_of(self, images):
        return tf.split(images, images.shape[-1] // self.image_shape[-1], axis=-1)

    def _all_levels(self, levels):
        return levels * self.num_levels if len(levels) == 1 else levels

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "latent_size": self.latent_size,
            "patch_size": self.patch_size,
            "width": self.width,
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_levels": self.num_levels,
            "class_map_size": self.class_map_size,
            "label_weights": self.label_weights,
            "san_head": self.san_head,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
