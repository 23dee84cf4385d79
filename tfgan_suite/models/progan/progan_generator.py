"""ProGAN's generator: the weights of all levels, of which only those of the level in training are run."""

import functools

import keras
import tensorflow as tf

from tfgan_suite.layers.activation import activate
from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.fused_scaling import FusedUpscaleConvolution
from tfgan_suite.layers.pixel_normalization import PixelNormalization
from tfgan_suite.models.progan.image_pyramid import blend, enlarge
from tfgan_suite.models.progan.progan_levels import at_level_of_detail, check_level, coarsest_level, level_channels

_HE_GAIN = 2.0**0.5


@keras.saving.register_keras_serializable("tfgan_suite")
class ProGANGenerator(keras.Model):
    """Latents to 4x4 features, doubled in size and refined once for each level; a linear convolution makes colours.

    Level 0 is the full size, each further level half the size of the one before. All levels have their weights from
    the start. `synthesize_at` runs those of one level and makes images of that level's own size; calling the network
    shows them at full size.

    Args:
        image_shape: `(size, size, channels)`, size 4 times a power of two.
        latent_size: Length of the latents.
        channel_base: Channels at `size` pixels are `2 * channel_base / size`.
        max_channels: Bound on the channels at small sizes.
        num_classes: Number of classes, or `None`.
        fused_scaling: Whether a block doubles the size within its first convolution, which is quicker. If not, it
            repeats pixels first: the same functions, but other weights.
        padding: What convolutions see beyond the edges: `"zeros"`, or `"wrap"`, the opposite edge, so that images can be
            laid side by side without a seam.
        normalize_latents: Whether latents, with the class beside them, are brought to the hypersphere.
        seed: Of the initial weights.

    Call: latents float32 `[batch, latent_size]`, labels int32 `[batch]` or one-hot float `[batch, num_classes]` or
    `None`, level_of_detail, to images float32 `[batch, size, size, channels]`, in [-1, 1] nominally, not clipped. A
    level of detail of 1.25 is level 1 with a quarter of level 2 blended in. It may be a number, or a scalar tensor or
    variable, for which one graph serves all levels.

    Example:

    >>> generator = ProGANGenerator((32, 32, 3), latent_size=8, channel_base=64, max_channels=8)
    >>> latents = np.zeros([2, 8], "float32")
    >>> generator(latents, level_of_detail=1.5).shape
    TensorShape([2, 32, 32, 3])
    >>> generator.synthesize_at(latents, level=1, fade=0.5).shape
    TensorShape([2, 16, 16, 3])

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    sections 2 and 4, table 2. Labels: Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs" (2017).
    """

    takes_class_vectors = True

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
        # These three by level, the full size first.
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
        """Height and width of a level's images."""
        return self.image_shape[0] >> level

    def channels_at(self, size):
        """Channels of the features at `size` pixels."""
        return level_channels(size, self.channel_base, self.max_channels)

    def build(self, latents_shape=None, labels_shape=None):
        """Makes the weights of all levels, of whatever level the first images may be."""
        if self.built:
            return
        channels = self.channels_at(4)
        # One bias serves all pixels that the dense layer makes.
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
        """Images of one level at that level's own size; coarser levels run as far as they are needed, finer ones not.

        Args:
            latents: float32 `[batch, latent_size]`.
            labels: As in the call.
            level: An int, from 0 for the full size to `coarsest_level` for 4x4.
            fade: Share of the next coarser level's images, in [0, 1]; a number or a scalar tensor. The number 0 runs no
                convolution for it.

        Returns:
            float32 `[batch, size_at(level), size_at(level), channels]`.
        """
        check_level(level, fade, self.coarsest_level)
        features = coarser_features = self._first_features(latents, labels)
        for current in range(self.coarsest_level - 1, level - 1, -1):
            coarser_features = features
            features = self._refine(features, current)
        return blend(self._colour(features, level), lambda: enlarge(self._colour(coarser_features, level + 1)), fade)

    def _make_dense(self, **arguments):
        # A quarter of He's gain: as if it were a convolution of a 4x4 kernel, whose fan-in is 16 times as large.
        return EqualizedDense(16 * self.channels_at(4), gain=_HE_GAIN / 4, **arguments)

    def _first_features(self, latents, labels):
        """Features of the coarsest level, `[batch, 4, 4, channels]`."""
        return self._refine_first(tf.reshape(self._embed(latents, labels), [-1, 4, 4, self.channels_at(4)]))

    def _embedded_size(self):
        """Length of what the dense layer takes beside the class."""
        return self.latent_size

    def _embed(self, latents, labels):
        """What the dense layer makes of latents `[batch, ...]` and their classes."""
        latents = tf.cast(latents, tf.float32)
        if (labels is None) != (self.num_classes is None):
            raise ValueError(f"Expected labels if num_classes is set, else none. Received: labels={labels}")
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

    def _colour(self, features, level):
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
    """float32 `[batch, num_classes]` from class numbers `[batch]`, or as it is."""
    labels = tf.convert_to_tensor(labels)
    return tf.cast(labels, tf.float32) if labels.shape.rank == 2 else tf.one_hot(labels, num_classes)
