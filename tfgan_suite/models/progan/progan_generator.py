"""ProGAN's generator: it has the weights of all levels, and runs only those of the level being trained."""

import functools

import keras
import tensorflow as tf

from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.layers.activation import activate
from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.fused_scaling import FusedUpscaleConvolution
from tfgan_suite.layers.pixel_normalization import PixelNormalization
from tfgan_suite.models.progan.image_pyramid import blend, enlarge
from tfgan_suite.models.progan.progan_levels import at_level_of_detail, check_level, coarsest_level, level_channels

_HE_GAIN = 2.0**0.5


@keras.saving.register_keras_serializable("tfgan_suite")
class ProGANGenerator(MixesClasses, keras.Model):
    """Maps latents to 4x4 features, doubles and refines them once per level, and converts them to colors linearly.

    Level 0 is the full size, and each further level is half the size of the previous one. All levels have their weights
    from the start. `synthesize_at` runs those of one level and returns images at the size of that level; calling the
    network returns them at full size.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is 4 times a power of two.
        latent_size: Integer >= 1. Length of the latents.
        channel_base: Integer. The features at `size` pixels have `2 * channel_base / size` channels.
        max_channels: Integer. Upper bound of the channels at small sizes.
        num_classes: Integer >= 1, or `None`. Number of classes.
        fused_scaling: Boolean. Whether the first convolution of a block also doubles the size, which is faster. If not,
            pixels are repeated first: the same functions, but with different weights.
        padding: String, one of `"zeros"` or `"wrap"`. What convolutions see beyond the edges: zeros, or the opposite
            edge, so that images can be tiled without a seam.
        normalize_latents: Boolean. Whether latents, concatenated with the class, are projected onto the hypersphere.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: An int32 tensor of shape `[batch]`, a one-hot float tensor of shape `[batch, num_classes]`, or `None`.
        level_of_detail: Float, or a scalar tensor or variable. 1.25 is level 1 with a quarter of level 2 blended in.
            With a tensor, one graph serves all levels.

    Output shape:
        `[batch, size, size, channels]`, float32 images, nominally in [-1, 1] but not clipped.

    Example:

    >>> generator = ProGANGenerator((32, 32, 3), latent_size=8, channel_base=64, max_channels=8)
    >>> latents = np.zeros([2, 8], "float32")
    >>> generator(latents, level_of_detail=1.5).shape
    TensorShape([2, 32, 32, 3])
    >>> generator.synthesize_at(latents, level=1, fade=0.5).shape
    TensorShape([2, 16, 16, 3])

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    sections 2 and 4, table 2. Labels: Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs"
    (2017).
    """

    def __init__(
        self,
        image_shape,
        latent_size=512,
        channel_base=8192,
        max_channels=512,
        num_classes=None,
        fused_scaling=True,
        padding="zeros",
        normalize_latents=True,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.channel_base = channel_base
        self.max_channels = max_channels
        self.num_classes = num_classes
        self.fused_scaling = fused_scaling
        self.padding = padding
        self.normalize_latents = normalize_latents
        self.seed = seed
        self.coarsest_level = coarsest_level(self.image_shape)

        dtype = self.dtype_policy
        convolution = functools.partial(
            EqualizedConvolution, padding=padding, gain=_HE_GAIN, activation="leaky_relu", dtype=dtype
        )
        up_convolution = convolution
        if fused_scaling:
            up_convolution = functools.partial(
                FusedUpscaleConvolution, padding=padding, gain=_HE_GAIN, activation="leaky_relu", dtype=dtype
            )
        self.normalize = PixelNormalization(dtype=dtype, name="normalize")
        self.normalize_input = PixelNormalization(dtype="float32", name="normalize_input")
        self.dense = self._make_dense(use_bias=False, seed=seed, dtype=dtype, name="4x4_dense")
        self.convolution = convolution(self.channels_at(4), seed=seed + 1, name="4x4_convolution")
        # Each of these lists is by level, starting at the full size.
        self.to_rgb, self.up_convolutions, self.convolutions = [], [], []
        for level in range(self.coarsest_level + 1):
            size = self.size_at(level)
            name, filters, seed = f"{size}x{size}", self.channels_at(size), self.seed + 10 * size
            self.to_rgb.append(
                EqualizedConvolution(self.image_shape[-1], 1, seed=seed, dtype=dtype, name=f"{name}_to_rgb")
            )
            if level < self.coarsest_level:
                self.up_convolutions.append(up_convolution(filters, seed=seed + 1, name=f"{name}_up_convolution"))
                self.convolutions.append(convolution(filters, seed=seed + 2, name=f"{name}_convolution"))
        self.build()

    def size_at(self, level):
        """Returns the height and width of a level's images."""
        return self.image_shape[0] >> level

    def channels_at(self, size):
        """Returns the number of feature channels at `size` pixels."""
        return level_channels(size, self.channel_base, self.max_channels)

    def build(self, latents_shape=None, labels_shape=None):
        """Creates the weights of all levels, regardless of the level of the first images."""
        if self.built:
            return
        channels = self.channels_at(4)
        # One bias is shared by all pixels that the dense layer creates.
        self.dense_bias = self.add_weight(name="4x4_dense_bias", autocast=False, shape=[channels], initializer="zeros")
        self.dense.build([None, self._embedded_size() + (self.num_classes or 0)])
        self.convolution.build([None, 4, 4, channels])
        for level, to_rgb in enumerate(self.to_rgb):
            to_rgb.build([None, None, None, self.channels_at(self.size_at(level))])
        for level, (up_convolution, convolution) in enumerate(zip(self.up_convolutions, self.convolutions)):
            size = self.size_at(level)
            up_convolution.build([None, None, None, self.channels_at(size // 2)])
            convolution.build([None, None, None, self.channels_at(size)])

    def call(self, latents, labels=None, training=False, level_of_detail=0.0):
        def show(level, fade):
            return enlarge(self.synthesize_at(latents, labels, level, fade), 2**level)

        return at_level_of_detail(level_of_detail, self.coarsest_level, show)

    def synthesize_at(self, latents, labels=None, level=0, fade=0.0):
        """Generates images at the size of one level; coarser levels run as far as needed, finer levels do not run.

        Args:
            latents: A float32 tensor of shape `[batch, latent_size]`.
            labels: A tensor of labels as in the call, or `None`.
            level: Integer, from 0 for the full size to `coarsest_level` for 4x4.
            fade: Float in [0, 1], or a scalar tensor. Share of the next coarser level's images. The float 0 runs no
                convolution for them.

        Returns:
            A float32 tensor of shape `[batch, size_at(level), size_at(level), channels]`.
        """
        check_level(level, fade, self.coarsest_level)
        features = coarser_features = self._first_features(latents, labels)
        for current in range(self.coarsest_level - 1, level - 1, -1):
            coarser_features = features
            features = self._refine(features, current)
        return blend(
            self._to_color(features, level), lambda: enlarge(self._to_color(coarser_features, level + 1)), fade
        )

    def _make_dense(self, **arguments):
        # A quarter of He's gain, as if this were a convolution with a 4x4 kernel, whose fan-in is 16 times as large.
        return EqualizedDense(16 * self.channels_at(4), gain=_HE_GAIN / 4, **arguments)

    def _first_features(self, latents, labels):
        """Returns the features of the coarsest level, `[batch, 4, 4, channels]`."""
        return self._refine_first(tf.reshape(self._embed(latents, labels), [-1, 4, 4, self.channels_at(4)]))

    def _embedded_size(self):
        """Length of the dense layer's input, without the class."""
        return self.latent_size

    def _embed(self, latents, labels):
        """Applies the dense layer to latents `[batch, ...]` and their classes."""
        latents = tf.cast(latents, tf.float32)
        if (labels is None) != (self.num_classes is None):
            raise ValueError(
                "`labels` must be given if, and only if, `num_classes` is set. "
                f"Received: labels={labels}, num_classes={self.num_classes}"
            )
        if labels is not None:
            latents = tf.concat([latents, _one_hot(labels, self.num_classes)], axis=1)
        if self.normalize_latents:
            latents = self.normalize_input(latents)
        return self.dense(latents)

    def _refine_first(self, features):
        features = tf.nn.bias_add(features, tf.cast(self.dense_bias, features.dtype))
        features = self.normalize(activate(features, "leaky_relu"))
        return self.normalize(self.convolution(features))

    def _refine(self, features, level):
        if not self.fused_scaling:
            features = enlarge(features)
        features = self.normalize(self.up_convolutions[level](features))  # [batch, 2 * size, 2 * size, ...]
        return self.normalize(self.convolutions[level](features))

    def _to_color(self, features, level):
        return tf.cast(self.to_rgb[level](features), tf.float32)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "channel_base": self.channel_base,
            "max_channels": self.max_channels,
            "num_classes": self.num_classes,
            "fused_scaling": self.fused_scaling,
            "padding": self.padding,
            "normalize_latents": self.normalize_latents,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def _one_hot(labels, num_classes):
    """Converts class numbers `[batch]` to float32 `[batch, num_classes]`; returns vectors unchanged."""
    labels = tf.convert_to_tensor(labels)
    return tf.cast(labels, tf.float32) if labels.shape.rank == 2 else tf.one_hot(labels, num_classes)
