"""What models that make textures of any size can do, in training, saved or exported."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold, normal
from tfgan_suite.generative.abilities import MakesTextures
from tfgan_suite.specs.image_range import to_uint8


class TextureModel(MakesTextures):
    """Beside `GenerativeModel`: textures out of maps of latents.

    A subclass sets the two attributes and implements `synthesize_textures`.

    Attributes:
        cell_size: Pixels along each side for one latent of a map.
        latent_channels: Length of each latent of a map.
    """

    cell_size = None
    latent_channels = None

    def synthesize_textures(self, latent_maps, labels=None):
        """Images float32 `[batch, rows * cell_size, columns * cell_size, channels]` that go on at the opposite edge.

        Args:
            latent_maps: float32 `[batch, rows, columns, latent_channels]`.
            labels: int32 `[batch]`, or `None` without classes.
        """
        raise NotImplementedError

    def sample_latent_maps(self, count, rows, columns, seed):
        """Draws float32 `[count, rows, columns, latent_channels]`; `seed` is an int or an integer scalar."""
        return normal([count, rows, columns, self.latent_channels], fold(seed, "texture", "latents"))

    def generate_textures(self, height, width, count=1, labels=None, seamless=False, seed=0):
        """Generates textures of any size.

        Args:
            height: Pixels; with `seamless` a multiple of `cell_size`.
            width: Likewise.
            count: Number of textures, >= 1.
            labels: For a model with classes: integers `[count]`, one for all, or `None` to draw them.
            seamless: Whether a texture goes on at the opposite edge, so that copies of it can be laid side by side.
            seed: The same seed and size give the same textures; the first of more are those of fewer.

        Returns:
            uint8 `[count, height, width, channels]`.

        Raises:
            UserError: A size or a number of textures that cannot be, or labels that do not fit the model.

        Example:

        >>> gan = TextureProGAN(image_shape=(16, 16, 3), latent_channels=4, channel_base=32, max_channels=8)
        >>> gan.generate_textures(8, 16, seamless=True).shape
        (1, 8, 16, 3)
        """
        if min(height, width, count) < 1:
            raise UserError(
                f"Expected height, width and count >= 1. Received: height={height}, width={width}, count={count}"
            )
        cell = self.cell_size
        if seamless and (height % cell or width % cell):
            raise UserError(
                f"Expected a seamless texture's height and width in multiples of {cell} pixels. "
                f"Received: {height}x{width}. Nearest: {_multiple(height, cell)}x{_multiple(width, cell)}."
            )
        labels = self._checked_labels(labels, count)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "texture", "labels"))
        # One cell more than is shown, in which the two edges meet.
        rows, columns = (-(-extent // cell) + (0 if seamless else 1) for extent in (height, width))
        latent_maps = self.sample_latent_maps(count, rows, columns, seed)
        inputs = (latent_maps,) if labels is None else (latent_maps, labels)
        # One by one, which bounds the memory.
        textures = [self._synthesize_uint8(*(values[i : i + 1] for values in inputs)) for i in range(count)]
        return np.concatenate([texture.numpy() for texture in textures])[:, :height, :width]

    def _synthesize_uint8(self, *inputs):
        if getattr(self, "_texture_function", None) is None:
            # Sizes that the graph does not know, as in an exported model: the same sums in the same order.
            specs = [tf.TensorSpec([None, None, None, self.latent_channels]), tf.TensorSpec([None], tf.int32)]
            function = tf.function(
                lambda *inputs: to_uint8(self.synthesize_textures(*inputs)), input_signature=specs[: len(inputs)]
            )
            # Kept out of Keras's attribute tracking: a function is no state.
            object.__setattr__(self, "_texture_function", function)
        return self._texture_function(*inputs)


def _multiple(extent, cell):
    return max(1, round(extent / cell)) * cell
