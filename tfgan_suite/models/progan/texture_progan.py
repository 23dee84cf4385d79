"""TextureProGAN: a ProGAN that learns from patches and makes textures of any size, without a seam."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, uniform
from tfgan_suite.generative.texture_model import TextureModel
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.models.progan.texture_presets import TEXTURE_PRESETS
from tfgan_suite.models.progan.texture_progan_generator import TextureProGANGenerator


@keras.saving.register_keras_serializable("tfgan_suite")
class TextureProGAN(TextureModel, ProGAN):
    """ProGAN on maps of latents, for textures.

    It is trained as a ProGAN, on images of one size: patches of photographs. What the discriminator sees of the
    generator are windows of somewhat larger textures, at any place; so all windows of any texture are
    trained for, those across the edges as well. `generate` makes such windows, `generate_textures` whole textures.

    Args:
        image_shape: Tuple `(size, size, channels)`, the shape of the patches; size is 4 times a power of two.
        num_classes: Integer, or `None` for an unconditional model.
        latent_channels: Integer. Length of the latent at each position of a map; each stands for `size / 4` pixels a side.
        latent_map_size: Integer >= 4. Latents along each side of the textures that training cuts windows from.
        channel_base: Integer. Channels at `size` pixels are `2 * channel_base / size`.
        max_channels: Integer. Upper bound of the channels at small sizes.
        fused_scaling: Boolean. Whether convolutions double and halve the size themselves.
        minibatch_stddev_group_size: Integer, or `None`. As in `ProGAN`, as are the arguments that follow.

    Example:

    >>> gan = TextureProGAN(image_shape=(16, 16, 3), latent_channels=4, channel_base=32, max_channels=8)
    >>> gan.generate(2).shape
    (2, 16, 16, 3)
    >>> gan.generate_textures(height=20, width=48).shape
    (1, 20, 48, 3)

    Reference: Karras et al., "Progressive Growing of GANs" (2018); Jetchev et al., "Texture Synthesis with Spatial
    Generative Adversarial Networks" (2016), section 3.
    """

    presets = TEXTURE_PRESETS
    # With it, classes that look unlike their photographs, once taken for granted, stayed so.
    learns_from_fakes = False

    def __init__(
        self,
        image_shape=(64, 64, 3),
        num_classes=None,
        latent_channels=32,
        latent_map_size=6,
        channel_base=512,
        max_channels=64,
        fused_scaling=True,
        minibatch_stddev_group_size=4,
        schedule=None,
        label_weights=None,
        seed=0,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        self._map_arguments = {"latent_channels": latent_channels, "latent_map_size": latent_map_size}
        super().__init__(
            image_shape=image_shape,
            num_classes=num_classes,
            channel_base=channel_base,
            max_channels=max_channels,
            fused_scaling=fused_scaling,
            minibatch_stddev_group_size=minibatch_stddev_group_size,
            schedule=schedule,
            label_weights=label_weights,
            seed=seed,
            generator=generator,
            discriminator=discriminator,
            **kwargs,
        )
        self.cell_size = self.generator.cell_size_at(0)
        self.latent_channels = self.generator.latent_channels

    def _make_generator(self, latent_size, padding, **arguments):
        return TextureProGANGenerator(**self._map_arguments, **arguments)

    def generate_fakes(self, latents, labels, seed):
        """Windows at any place: one in `cell size`^2 pixels, as moving by whole cells gives other latents' windows."""
        fade, cell_size = self._fade(), self.generator.cell_size_at(self.level)
        # While a level fades in, images have blocks of 2x2 equal pixels in part, which lie at even places.
        step = 1 if isinstance(fade, float) else 2

        def draw_offsets(batch_size, seed):
            return step * tf.cast(uniform([batch_size, 2], seed, high=float(cell_size // step)), tf.int32)

        offsets = None
        if cell_size > step:
            offsets = draw_per_example(draw_offsets, tf.shape(latents)[0], seed)
        return self.generator.synthesize_at(latents, labels, self.level, fade, offsets)

    def synthesize_textures(self, latent_maps, labels=None):
        level_of_detail = tf.convert_to_tensor(self.level_of_detail)
        return self.ema_generator.synthesize_textures(latent_maps, labels, level_of_detail)
