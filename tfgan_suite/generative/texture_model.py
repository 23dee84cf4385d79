"""TextureModel: what models that make textures of any size can do, in training, saved or exported."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.randomness import fold, normal
from tfgan_suite.generative.abilities import MakesTextures


class TextureModel(MakesTextures):
    """Textures from maps of latents, for a `GenerativeModel` of images.

    A subclass sets the two attributes and implements `synthesize_textures`.

    Attributes:
        cell_size: Integer. Pixels along each side for one latent of a map.
        latent_channels: Integer. The length of each latent of a map.
    """

    cell_size = None
    latent_channels = None

    def synthesize_textures(self, latent_maps, labels=None):
        """Images float32 `[batch, rows * cell_size, columns * cell_size, channels]` that continue at the opposite edge.

        Args:
            latent_maps: float32 `[batch, rows, columns, latent_channels]`.
            labels: int32 `[batch]`, or `None` without classes.
        """
        raise NotImplementedError

    def sample_latent_maps(self, count, rows, columns, seed):
        """Draws float32 `[count, rows, columns, latent_channels]`; `seed` is an integer or an integer scalar."""
        return normal([count, rows, columns, self.latent_channels], fold(seed, "texture", "latents"))

    def generate_textures(self, height, width, count=1, labels=None, seamless=False, seed=0):
        """Generates textures of any size.

        Args:
            height: Integer >= 1. Pixels; with `seamless` a multiple of `cell_size`.
            width: Integer >= 1. Pixels; with `seamless` a multiple of `cell_size`.
            count: Integer >= 1. How many textures.
            labels: For a model with classes: integers `[count]`, one for all, or `None` to draw them.
            seamless: Boolean. Whether a texture continues at the opposite edge, so that copies of it can be laid side by side.
            seed: Integer. The same seed and size give the same textures; the first of more are those of fewer.

        Returns:
            NumPy array uint8 `[count, height, width, channels]`.

        Raises:
            UserError: A size or a number of textures that is out of range, or labels that do not match the model.

        Example:

        >>> gan = TextureProGAN(image_shape=(16, 16, 3), latent_channels=4, channel_base=32, max_channels=8)
        >>> gan.generate_textures(8, 16, seamless=True).shape
        (1, 8, 16, 3)
        """
        if not all(map(is_count, (height, width, count))):
            raise UserError(
                "`height`, `width` and `count` must be integers >= 1. Received: "
                f"height={height!r}, width={width!r}, count={count!r}"
            )
        cell = self.cell_size
        if seamless and (height % cell or width % cell):
            raise UserError(
                f"`height` and `width` of a seamless texture must be multiples of {cell} pixels. Received: "
                f"{height}x{width}. Nearest: {_multiple(height, cell)}x{_multiple(width, cell)}."
            )
        labels = self._checked_labels(labels, count)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "texture", "labels"))
        # One cell more than is shown, in which the two edges meet.
        rows, columns = (-(-extent // cell) + (0 if seamless else 1) for extent in (height, width))
        latent_maps = self.sample_latent_maps(count, rows, columns, seed)
        inputs = (latent_maps,) if labels is None else (latent_maps, labels)
        # One by one, which bounds the memory.
        textures = [self._synthesize_at_edge(*(values[i : i + 1] for values in inputs)) for i in range(count)]
        return np.concatenate([texture.numpy() for texture in textures])[:, :height, :width]

    _texture_function = None

    def _synthesize_at_edge(self, *inputs):
        if self._texture_function is None:
            # Sizes that the graph does not know, as in an exported model: the same sums in the same order.
            specs = [tf.TensorSpec([None, None, None, self.latent_channels]), tf.TensorSpec([None], tf.int32)]
            function = tf.function(
                lambda *inputs: self.spec.to_edge(self.synthesize_textures(*inputs)),
                input_signature=specs[: len(inputs)],
            )
            # Kept out of Keras's attribute tracking: a function is no state.
            object.__setattr__(self, "_texture_function", function)
        return self._texture_function(*inputs)


def _multiple(extent, cell):
    return max(1, round(extent / cell)) * cell
