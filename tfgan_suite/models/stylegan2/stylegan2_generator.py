"""StyleGAN2's generator: a mapping from latents to styles, and a synthesis network from styles to images."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, fold, normal
from tfgan_suite.generative.abilities import HasStyles
from tfgan_suite.models.stylegan2.stylegan2_levels import (
    check_architecture,
    label_vectors,
    level_channels,
    level_policies,
    level_sizes,
    serialized_policy,
)
from tfgan_suite.models.stylegan2.stylegan2_mapping import StyleGAN2Mapping
from tfgan_suite.models.stylegan2.stylegan2_synthesis_block import StyleGAN2SynthesisBlock

NOISES = ("const", "random", "none")


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleGAN2Generator(HasStyles, keras.Model):
    """Maps latents to one style `w` per layer, and turns a learned constant into an image, layer by layer.

    Args:
        image_shape: Tuple `(height, width, channels)`, with `4 a 2^k` by `4 b 2^k` pixels and 1, 3, or 4 channels.
        latent_size: Integer >= 1. Length of the latents.
        w_size: Integer >= 1. Length of the vectors `w` that styles are computed from.
        num_mapping_layers: Integer >= 1. 8 in the paper, 2 in most later configurations.
        channel_base: Integer. Feature channels at a level are `channel_base` divided by the longer side of its images.
        max_channels: Integer. Upper bound of the feature channels.
        num_classes: Integer >= 1, or `None`. Number of classes; labels are class numbers `[batch]` or one-hot vectors
            `[batch, num_classes]`.
        label_size: Integer >= 1, or `None`. Length of label vectors, instead of `num_classes`; labels are float
            `[batch, label_size]`.
        architecture: String. `"skip"` sums an image from every level, `"resnet"` has shortcuts, `"orig"` has neither.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        conv_clamp: Float > 0, or `None`. Maximum magnitude of activations; 256 for float16 in the paper.
        num_mixed_precision_resolutions: Integer >= 0. Number of the highest levels that follow the dtype policy; the
            others are float32.
        mapping_learning_rate_multiplier: Float. How fast the mapping learns, relative to the rest.
        use_noise: Boolean. Whether noise of a learned strength follows each convolution. Narrow networks paint with it.
        channels: List of integers, or `None`. Feature channels of every level, smallest level first, instead of the
            rule above.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: A tensor of labels, see above, or `None`.
        truncation: See `map`.
        truncation_cutoff: See `map`.
        noise: See `synthesize`. Defaults to `"random"` in training, and to `"const"` otherwise.
        seed: See `synthesize`.

    Output shape:
        `[batch, height, width, channels]`, float32 images, nominally in [-1, 1] but not clipped.

    Attributes:
        num_ws: Number of styles, two per level.
        mapping: The `StyleGAN2Mapping`, with `w_average`.
        blocks: List of one `StyleGAN2SynthesisBlock` per level.

    Example:

    >>> generator = StyleGAN2Generator((32, 32, 3), latent_size=8, w_size=8, channel_base=128)
    >>> generator(np.zeros([2, 8], "float32")).shape
    TensorShape([2, 32, 32, 3])
    >>> generator.synthesize(generator.map(np.ones([1, 8], "float32"), truncation=0.5), noise="none").shape
    TensorShape([1, 32, 32, 3])

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020); classes and mixed
    precision: "Training Generative Adversarial Networks with Limited Data" (2020), appendix D.1.
    """

    def __init__(
        self,
        image_shape=(256, 256, 3),
        latent_size=512,
        w_size=512,
        num_mapping_layers=8,
        channel_base=32768,
        max_channels=512,
        num_classes=None,
        label_size=None,
        architecture="skip",
        resample_filter=(1, 3, 3, 1),
        conv_clamp=None,
        num_mixed_precision_resolutions=4,
        mapping_learning_rate_multiplier=0.01,
        use_noise=True,
        channels=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_architecture(architecture, num_classes, label_size)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.w_size = w_size
        self.num_mapping_layers = num_mapping_layers
        self.channel_base = channel_base
        self.max_channels = max_channels
        self.num_classes = num_classes
        self.label_size = label_size
        self.architecture = architecture
        self.resample_filter = tuple(resample_filter)
        self.conv_clamp = conv_clamp
        self.num_mixed_precision_resolutions = num_mixed_precision_resolutions
        self.mapping_learning_rate_multiplier = mapping_learning_rate_multiplier
        self.use_noise = use_noise
        self.channels = None if channels is None else tuple(channels)
        self.seed = seed

        sizes = level_sizes(self.image_shape)
        widths = level_channels(sizes, channel_base, max_channels, channels)
        policies = level_policies(self.dtype_policy, len(sizes), num_mixed_precision_resolutions)
        self.num_ws = 2 * len(sizes)
        self.mapping = StyleGAN2Mapping(
            latent_size,
            w_size,
            num_mapping_layers,
            label_size=num_classes or label_size,
            learning_rate_multiplier=mapping_learning_rate_multiplier,
            seed=seed,
            dtype="float32",
            name="mapping",
        )
        self.blocks = [
            StyleGAN2SynthesisBlock(
                size,
                widths[level - 1] if level else None,
                widths[level],
                w_size,
                self.image_shape[2] if architecture == "skip" or size == sizes[-1] else None,
                residual=architecture == "resnet",
                resample_filter=self.resample_filter,
                clamp=conv_clamp,
                use_noise=use_noise,
                seed=seed + 100 + 10 * level,
                dtype=policies[level],
                name=f"synthesis_{size[0]}x{size[1]}",
            )
            for level, size in enumerate(sizes)
        ]

    @property
    def noise_shapes(self):
        """`(height, width)` of each convolution's noise, coarsest first; none with `use_noise=False`."""
        return [block.size for block in self.blocks for _ in block.convolutions if self.use_noise]

    def build(self, latents_shape=None, labels_shape=None):
        """Creates all weights. Their shapes do not depend on the inputs."""
        self.mapping.build()
        for block in self.blocks:
            block.build()

    def map(self, latents, labels=None, truncation=1.0, truncation_cutoff=None):
        """Maps latents to styles.

        Args:
            latents: A float32 tensor of shape `[batch, latent_size]`.
            labels: A tensor of labels for the constructor's `num_classes` or `label_size`, or `None`.
            truncation: Float in [0, 1], a float32 scalar, or one number per example. 1 samples the full distribution, 0
                returns the average style.
            truncation_cutoff: Integer, or `None`. Number of styles to truncate, coarsest first; `None` for all.

        Returns:
            A float32 tensor of shape `[batch, num_ws, w_size]`.
        """
        labels = label_vectors(labels, self.num_classes, self.label_size)
        ws = self.mapping(tf.cast(latents, tf.float32), labels)
        ws = tf.tile(ws[:, None, :], [1, self.num_ws, 1])  # [batch, num_ws, w_size]
        if isinstance(truncation, (int, float)) and truncation == 1.0:
            return ws
        cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
        truncated = (tf.range(self.num_ws) < cutoff)[None, :, None]
        center = self.mapping.truncation_centre(labels)[:, None, :]
        truncation = tf.reshape(tf.cast(truncation, tf.float32), [-1, 1, 1])
        return tf.where(truncated, center + (ws - center) * truncation, ws)

    def synthesize(self, ws, noise="const", seed=None):
        """Generates images with given styles.

        Args:
            ws: A float32 tensor of shape `[batch, num_ws, w_size]`.
            noise: String, or list of tensors. `"const"` uses the network's own noise, the same for every image,
                `"random"` draws new noise for every image, and `"none"` adds no noise. With `use_noise=False`, all are
                the same as `"none"`. To use your own noise, pass float32 maps `[batch or 1, height, width, 1]`, one for
                each of `noise_shapes`.
            seed: An int32 tensor of shape `[2]` for random noise; `None` for a seed from TensorFlow's global generator.

        Returns:
            A float32 tensor of shape `[batch, height, width, channels]`: images, nominally in [-1, 1] but not clipped.
        """
        if isinstance(noise, str) and noise not in NOISES:
            raise ValueError(f"`noise` must be one of {NOISES}, or a list of maps. Received: noise={noise!r}")
        if not isinstance(noise, str) and len(noise) != len(self.noise_shapes):
            raise ValueError(
                f"`noise` must have {len(self.noise_shapes)} maps, one per convolution. Received: {len(noise)} maps"
            )
        if noise == "random" and seed is None:
            seed = tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
        ws = tf.unstack(tf.cast(ws, tf.float32), self.num_ws, axis=1)
        features = images = None
        index = 0
        for block in self.blocks:
            noises = [
                self._noise(convolution, noise, tf.shape(ws[0])[0], seed, index + offset)
                for offset, convolution in enumerate(block.convolutions)
            ]
            # ToRGB shares its style with the first convolution of the next level.
            features, images = block(features, images, ws[index : index + len(noises) + 1], noises)
            index += len(noises)
        return images

    def _noise(self, convolution, noise, batch_size, seed, index):
        if not self.use_noise or noise == "none":
            return None
        if not isinstance(noise, str):
            return tf.cast(noise[index], tf.float32)
        constant = tf.convert_to_tensor(convolution.noise_constant)[None, :, :, None]
        if noise == "const":
            return constant

        def draw(batch_size, seed):
            return normal(tf.stack([batch_size, *constant.shape[1:]]), seed)

        drawn = draw_per_example(draw, batch_size, fold(seed, "noise", index))
        return tf.ensure_shape(drawn, [None, *constant.shape[1:]])

    def call(self, latents, labels=None, training=False, truncation=1.0, truncation_cutoff=None, noise=None, seed=None):
        ws = self.map(latents, labels, truncation, truncation_cutoff)
        return self.synthesize(ws, noise or ("random" if training else "const"), seed)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "w_size": self.w_size,
            "num_mapping_layers": self.num_mapping_layers,
            "channel_base": self.channel_base,
            "max_channels": self.max_channels,
            "num_classes": self.num_classes,
            "label_size": self.label_size,
            "architecture": self.architecture,
            "resample_filter": self.resample_filter,
            "conv_clamp": self.conv_clamp,
            "num_mixed_precision_resolutions": self.num_mixed_precision_resolutions,
            "mapping_learning_rate_multiplier": self.mapping_learning_rate_multiplier,
            "use_noise": self.use_noise,
            "channels": self.channels,
            "seed": self.seed,
            "dtype": serialized_policy(self),
        }
