"""ProGAN's generator on a map of latents, one for each pixel of the 4x4 level: fully convolutional, of any size."""

import keras
import tensorflow as tf

from tfgan_suite.layers.convolve import size_of
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.models.progan.image_pyramid import enlarge
from tfgan_suite.models.progan.progan_generator import ProGANGenerator
from tfgan_suite.models.progan.progan_levels import at_level_of_detail

_HE_GAIN = 2.0**0.5


@keras.saving.register_keras_serializable("tfgan_suite")
class TextureProGANGenerator(ProGANGenerator):
    """Maps latents on a grid to seamless textures, with `size / 4` pixels along each side for each latent.

    The dense layer works at each position separately, and all convolutions wrap around. Shifting the map around its
    torus therefore shifts the image by whole cells, and a pixel depends only on nearby latents, whatever the size of
    the map.

    As a network for images of a fixed size, as training and metrics use it, it generates a texture from
    `latent_map_size` x `latent_map_size` latents and crops a window of `size` x `size` pixels. The opposite edges of a
    window do not match, so it looks like a patch of a larger texture, and like a patch of a photograph.

    Args:
        image_shape: Tuple `(size, size, channels)`. Shape of a window, where `size` is 4 times a power of two.
        latent_channels: Integer >= 1. Length of the latent at each position.
        latent_map_size: Integer >= 4. Number of latents along each side of the textures that windows are cropped from.
            With 4, the window is the whole texture.
        channel_base: Integer. The features at `size` pixels have `2 * channel_base / size` channels.
        max_channels: Integer. Upper bound of the channels at small sizes.
        num_classes: Integer >= 1, or `None`. Number of classes.
        fused_scaling: Boolean. See `ProGANGenerator`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_map_size^2 * latent_channels]`, the map row by row.
        labels: See `ProGANGenerator`.
        level_of_detail: See `ProGANGenerator`.

    Output shape:
        `[batch, size, size, channels]`, float32 images, nominally in [-1, 1] but not clipped.

    Example:

    >>> generator = TextureProGANGenerator((32, 32, 3), latent_channels=8, channel_base=64, max_channels=8)
    >>> generator(np.zeros([2, 6 * 6 * 8], "float32")).shape
    TensorShape([2, 32, 32, 3])
    >>> generator.synthesize_textures(np.zeros([2, 3, 9, 8], "float32")).shape
    TensorShape([2, 24, 72, 3])

    Reference: Jetchev et al., "Texture Synthesis with Spatial Generative Adversarial Networks" (2016), section 3;
    Bergmann et al., "Learning Texture Manifolds with the Periodic Spatial GAN" (2017). Levels: see `ProGANGenerator`.
    """

    def __init__(
        self,
        image_shape,
        latent_channels=32,
        latent_map_size=6,
        channel_base=512,
        max_channels=64,
        num_classes=None,
        fused_scaling=True,
        seed=0,
        **kwargs,
    ):
        if latent_map_size < 4 or latent_channels < 1:
            raise ValueError(
                "`latent_map_size` must be >= 4, to cover the window, and `latent_channels` must be >= 1. "
                f"Received: latent_map_size={latent_map_size}, latent_channels={latent_channels}"
            )
        self.latent_channels = latent_channels
        self.latent_map_size = latent_map_size
        super().__init__(
            image_shape,
            latent_size=latent_map_size**2 * latent_channels,
            channel_base=channel_base,
            max_channels=max_channels,
            num_classes=num_classes,
            fused_scaling=fused_scaling,
            padding="wrap",
            seed=seed,
            **kwargs,
        )

    def _make_dense(self, **arguments):
        return EqualizedDense(self.channels_at(4), gain=_HE_GAIN, **arguments)

    def _embedded_size(self):
        return self.latent_channels

    def cell_size_at(self, level):
        """Returns the number of pixels of a level's images per latent, along each side."""
        return self.size_at(level) // 4

    def synthesize_at(self, latents, labels=None, level=0, fade=0.0, offsets=None):
        """Generates windows at the size of one level.

        Args:
            latents: A float32 tensor of shape `[batch, latent_map_size^2 * latent_channels]`.
            labels: A tensor of labels as in the call, or `None`.
            level: Integer. See `ProGANGenerator.synthesize_at`.
            fade: Float or scalar tensor. See `ProGANGenerator.synthesize_at`.
            offsets: An int32 tensor of shape `[batch, 2]`, >= 0. The row and column of the texture where each window
                starts; `None` for 0.

        Returns:
            A float32 tensor of shape `[batch, size_at(level), size_at(level), channels]`.
        """
        size, latents = self.size_at(level), tf.convert_to_tensor(latents)
        maps = tf.reshape(latents, [-1, self.latent_map_size, self.latent_map_size, self.latent_channels])
        images = super().synthesize_at(maps, labels, level, fade)  # [batch, latent_map_size * cell size, ...]
        return images[:, :size, :size] if offsets is None else cut_windows(images, offsets, size)

    def synthesize_textures(self, latent_maps, labels=None, level_of_detail=0.0):
        """Generates textures of any size, which tile seamlessly.

        Args:
            latent_maps: A float32 tensor of shape `[batch, rows, columns, latent_channels]`, with at least one row and
                column. Rows and columns may be unknown until the graph runs.
            labels: A tensor of labels as in the call, or `None`.
            level_of_detail: Float, or a scalar tensor or variable, as in the call.

        Returns:
            A float32 tensor of shape `[batch, rows * cell_size_at(0), columns * cell_size_at(0), channels]`.
        """
        latent_maps = tf.convert_to_tensor(latent_maps)
        if latent_maps.shape.rank != 4 or latent_maps.shape[-1] != self.latent_channels:
            raise ValueError(
                f"`latent_maps` must have shape [batch, rows, columns, {self.latent_channels}]. "
                f"Received: latent_maps of shape {latent_maps.shape}"
            )
        synthesize_at = super().synthesize_at

        def show(level, fade):
            return enlarge(synthesize_at(latent_maps, labels, level, fade), 2**level)

        return at_level_of_detail(level_of_detail, self.coarsest_level, show)

    def _first_features(self, latent_maps, labels):
        rows, columns = size_of(latent_maps)
        if labels is not None:
            labels = tf.repeat(labels, rows * columns, axis=0)  # One label per position.
        features = self._embed(tf.reshape(latent_maps, [-1, self.latent_channels]), labels)
        return self._refine_first(tf.reshape(features, [-1, rows, columns, self.channels_at(4)]))

    def get_config(self):
        config = super().get_config()
        for name in ("latent_size", "padding", "normalize_latents"):
            del config[name]
        return {**config, "latent_channels": self.latent_channels, "latent_map_size": self.latent_map_size}


def cut_windows(images, offsets, size):
    """Crops a square from each image, which is continued periodically beyond its edges.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`.
        offsets: An int32 tensor of shape `[batch, 2]`, >= 0. The first row and column of each square.
        size: Integer >= 1. Height and width of the squares.

    Returns:
        A tensor of shape `[batch, size, size, channels]`.

    Example:

    >>> cut_windows(tf.constant([[[[1.0], [2.0]], [[3.0], [4.0]]]]), [[0, 1]], 2)[0, :, :, 0].numpy().tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    for axis, extent in enumerate(size_of(images), start=1):
        positions = (tf.convert_to_tensor(offsets)[:, axis - 1, None] + tf.range(size)) % extent  # [batch, size]
        images = tf.gather(images, positions, axis=axis, batch_dims=1)
    return images
