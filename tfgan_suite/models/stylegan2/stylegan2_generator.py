"""StyleGAN2's generator: a mapping of latents to styles, and a synthesis of images from styles."""

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
    """Latents to styles `w`, one for each layer; from a learned constant up to the image, each layer in its style.

    Args:
        image_shape: `(height, width, channels)`: `4 a 2^k` by `4 b 2^k` pixels, 1, 3 or 4 channels.
        latent_size: Length of the latents.
        w_size: Length of a style's source `w`.
        num_mapping_layers: 8 in the paper, 2 in most of the later configurations.
        channel_base: Feature channels at a level are this divided by the larger side,
        max_channels: and at most this.
        num_classes: Number of classes, or `None`: labels are class numbers `[batch]` or one-hot `[batch, num_classes]`.
        label_size: Or length of label vectors: labels are float `[batch, label_size]`.
        architecture: `"skip"`: an image from every level, summed. `"resnet"`: shortcuts. `"orig"`: neither.
        resample_filter: Taps of the filter along each axis.
        conv_clamp: Bound of activations, 256 for float16 in the paper, or `None`.
        num_mixed_precision_resolutions: How many of the highest levels follow the dtype policy; others are float32.
        mapping_learning_rate_multiplier: How fast the mapping learns, relative to the rest.
        use_noise: Whether each convolution is followed by noise of a learned strength. Narrow networks paint with it.
        channels: Feature channels of every level from the smallest, instead of the rule above.
        seed: Of the initial weights.

    Attributes:
        num_ws: Number of styles, two for a level.
        mapping: The `StyleGAN2Mapping`, with `w_average`.
        blocks: A `StyleGAN2SynthesisBlock` for each level.

    Example:

    >>> generator = StyleGAN2Generator((32, 32, 3), latent_size=8, w_size=8, channel_base=128)
    >>> generator(np.zeros([2, 8], "float32")).shape
    TensorShape([2, 32, 32, 3])
    >>> generator.synthesize(generator.map(np.ones([1, 8], "float32"), truncation=0.5), noise="none").shape
    TensorShape([1, 32, 32, 3])

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020); classes and mixed precision:
    "Training Generative Adversarial Networks with Limited Data" (2020), appendix D.1.
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
        """`(height, width)` of each convolution's noise, from the coarsest on; none with `use_noise=False`."""
        return [block.size for block in self.blocks for _ in block.convolutions if self.use_noise]

    def build(self, latents_shape=None, labels_shape=None):
        """Makes all weights. Their shapes need no inputs."""
        self.mapping.build()
        for block in self.blocks:
            block.build()

    def map(self, latents, labels=None, truncation=1.0, truncation_cutoff=None):
        """Maps latents to styles.

        Args:
            latents: float32 `[batch, latent_size]`.
            labels: As for the constructor's `num_classes` or `label_size`.
            truncation: 1 for all variety, 0 for the average style; a float, a float32 scalar, or one number an example.
            truncation_cutoff: Number of styles, from the coarsest, that are truncated; `None` for all.

        Returns:
            float32 `[batch, num_ws, w_size]`.
        """
        labels = label_vectors(labels, self.num_classes, self.label_size)
        ws = self.mapping(tf.cast(latents, tf.float32), labels)
        ws = tf.tile(ws[:, None, :], [1, self.num_ws, 1])  # [batch, num_ws, w_size]
        if isinstance(truncation, (int, float)) and truncation == 1.0:
            return ws
        cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
        truncated = (tf.range(self.num_ws) < cutoff)[None, :, None]
        centre = self.mapping.truncation_centre(labels)[:, None, :]
        truncation = tf.reshape(tf.cast(truncation, tf.float32), [-1, 1, 1])
        return tf.where(truncated, centre + (ws - centre) * truncation, ws)

    def synthesize(self, ws, noise="const", seed=None):
        """Makes images in given styles.

        Args:
            ws: float32 `[batch, num_ws, w_size]`.
            noise: `"const"`: the network's own, the same for every image. `"random"`: new for every image. `"none"`,
                and so are all with `use_noise=False`. Or maps of one's own: for each of `noise_shapes`, float32
                `[batch or 1, height, width, 1]`.
            seed: int32 `[2]`, of random noise; `None` for one from TensorFlow's global generator.

        Returns:
            float32 images `[batch, height, width, channels]`, nominally in [-1, 1], not clipped.
        """
        if isinstance(noise, str) and noise not in NOISES:
            raise ValueError(f"Expected noise to be one of {NOISES}. Received: noise={noise!r}")
        if not isinstance(noise, str) and len(noise) != len(self.noise_shapes):
            raise ValueError(f"Expected {len(self.noise_shapes)} noise maps, one a convolution. Received: {len(noise)}")
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
