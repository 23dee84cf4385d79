"""StyleGAN2's discriminator: from the image down to its smallest level, and to one logit."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.minibatch_stddev import MinibatchStddev
from tfgan_suite.models.stylegan2.stylegan2_discriminator_block import StyleGAN2DiscriminatorBlock
from tfgan_suite.models.stylegan2.stylegan2_levels import (
    check_architecture,
    label_vectors,
    level_channels,
    level_policies,
    level_sizes,
    serialized_policy,
)
from tfgan_suite.models.stylegan2.stylegan2_mapping import StyleGAN2Mapping


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleGAN2Discriminator(TakesSANHead, keras.Model):
    """Residual blocks down to the smallest level, a minibatch standard deviation channel, and two dense layers.

    The logit of a conditional discriminator is the inner product of its features and a mapping of the label.

    Args:
        image_shape: Tuple `(height, width, channels)`, with `4 a 2^k` by `4 b 2^k` pixels and 1, 3, or 4 channels.
        channel_base: Integer. Feature channels at a level are `channel_base` divided by the longer side of its images.
        max_channels: Integer. Upper bound of the feature channels.
        num_classes: Integer >= 1, or `None`. Number of classes; labels are class numbers `[batch]` or one-hot vectors
            `[batch, num_classes]`.
        label_size: Integer >= 1, or `None`. Length of label vectors, instead of `num_classes`; labels are float
            `[batch, label_size]`.
        architecture: String. `"resnet"` has shortcuts, in `"skip"` every level sees the image, `"orig"` has neither.
        num_mapping_layers: Integer >= 1. Number of layers in the mapping of labels.
        minibatch_stddev_group_size: Integer >= 1, or `None`. Number of examples whose variation is measured together;
            `None` for the whole batch.
        minibatch_stddev_channels: Integer >= 0. Number of channels for this measure.
        minibatch_stddev_grouping: String, one of `"strided"` (as in the paper's code) or `"contiguous"`; see
            `MinibatchStddev`.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        conv_clamp: Float > 0, or `None`. Maximum magnitude of activations; 256 for float16 in the paper.
        num_mixed_precision_resolutions: Integer >= 0. Number of the highest levels that follow the dtype policy; the
            others are float32.
        mapping_learning_rate_multiplier: Float. How fast the mapping of labels learns, relative to the rest.
        channels: List of integers, or `None`. Feature channels of every level, smallest level first, instead of the
            rule above.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, height, width, channels]`, in [-1, 1].
        labels: A tensor of labels, see above, or `None`.

    Output shape:
        `[batch]`, float32 logits.

    Example:

    >>> StyleGAN2Discriminator((32, 32, 3), channel_base=128)(np.zeros([4, 32, 32, 3], "float32")).shape
    TensorShape([4])

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), section 4.1 and figure 7;
    classes and mixed precision: "Training Generative Adversarial Networks with Limited Data" (2020), appendix D.1.
    """

    def __init__(
        self,
        image_shape,
        channel_base=32768,
        max_channels=512,
        num_classes=None,
        label_size=None,
        architecture="resnet",
        num_mapping_layers=8,
        minibatch_stddev_group_size=4,
        minibatch_stddev_channels=1,
        minibatch_stddev_grouping="strided",
        resample_filter=(1, 3, 3, 1),
        conv_clamp=None,
        num_mixed_precision_resolutions=4,
        mapping_learning_rate_multiplier=0.01,
        channels=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_architecture(architecture, num_classes, label_size)
        self.image_shape = tuple(image_shape)
        self.channel_base = channel_base
        self.max_channels = max_channels
        self.num_classes = num_classes
        self.label_size = label_size
        self.architecture = architecture
        self.num_mapping_layers = num_mapping_layers
        self.minibatch_stddev_group_size = minibatch_stddev_group_size
        self.minibatch_stddev_channels = minibatch_stddev_channels
        self.minibatch_stddev_grouping = minibatch_stddev_grouping
        self.resample_filter = tuple(resample_filter)
        self.conv_clamp = conv_clamp
        self.num_mixed_precision_resolutions = num_mixed_precision_resolutions
        self.mapping_learning_rate_multiplier = mapping_learning_rate_multiplier
        self.channels = None if channels is None else tuple(channels)
        self.seed = seed

        sizes = level_sizes(self.image_shape)
        widths = level_channels(sizes, channel_base, max_channels, channels)
        policies = level_policies(self.dtype_policy, len(sizes), num_mixed_precision_resolutions)
        self.smallest_shape = (*sizes[0], widths[0])
        self.blocks = [
            StyleGAN2DiscriminatorBlock(
                sizes[level],
                widths[level] if level < len(sizes) - 1 else None,
                widths[level],
                widths[level - 1],
                self.image_shape[2],
                architecture,
                resample_filter=self.resample_filter,
                clamp=conv_clamp,
                seed=seed + 100 + 10 * level,
                dtype=policies[level],
                name=f"down_from_{sizes[level][0]}x{sizes[level][1]}",
            )
            for level in range(len(sizes) - 1, 0, -1)
        ]
        self._make_head(widths[0])

    def _make_head(self, channels):
        """Creates the float32 layers at the smallest level."""
        activated = {"activation": "leaky_relu", "activation_gain": 2.0**0.5, "dtype": "float32"}
        label_size = self.num_classes or self.label_size
        self.from_rgb = self.minibatch_stddev = self.mapping = None
        if self.architecture == "skip":
            self.from_rgb = EqualizedConvolution(channels, 1, seed=self.seed, name="from_rgb", **activated)
        if self.minibatch_stddev_channels:
            self.minibatch_stddev = MinibatchStddev(
                self.minibatch_stddev_group_size,
                self.minibatch_stddev_channels,
                self.minibatch_stddev_grouping,
                dtype="float32",
                name="minibatch_stddev",
            )
        self.convolution = EqualizedConvolution(
            channels, clamp=self.conv_clamp, seed=self.seed + 1, name="convolution", **activated
        )
        self.dense = EqualizedDense(channels, seed=self.seed + 2, name="dense", **activated)
        self.score = EqualizedDense(channels if label_size else 1, seed=self.seed + 3, dtype="float32", name="score")
        if label_size:
            self.mapping = StyleGAN2Mapping(
                0,
                channels,
                self.num_mapping_layers,
                label_size=label_size,
                learning_rate_multiplier=self.mapping_learning_rate_multiplier,
                track_average=False,
                seed=self.seed + 10,
                dtype="float32",
                name="mapping",
            )

    own_head = ("score", "mapping")

    @property
    def san_classes(self):
        return self.num_classes or self.label_size

    def build(self, images_shape=None, labels_shape=None):
        """Creates all weights. Their shapes do not depend on the inputs."""
        height, width, channels = self.smallest_shape
        for block in self.blocks:
            block.build()
        if self.from_rgb is not None:
            self.from_rgb.build([None, height, width, self.image_shape[2]])
        self.convolution.build([None, height, width, channels + self.minibatch_stddev_channels])
        self.dense.build([None, height * width * channels])
        if self.san_head is not None:
            self.san_head.build([None, channels])
            return
        self.score.build([None, channels])
        if self.mapping is not None:
            self.mapping.build()

    def call(self, images, labels=None, training=False):
        labels = label_vectors(labels, self.num_classes, self.label_size)
        images = tf.cast(images, tf.float32)
        features = None
        for block in self.blocks:
            features, images = block(features, images)
        features = tf.cast(features, tf.float32)  # [batch, height, width, channels] of the smallest level
        if self.from_rgb is not None:
            features += self.from_rgb(images)
        if self.minibatch_stddev is not None:
            features = self.minibatch_stddev(features)
        features = self.convolution(features)
        features = self.dense(tf.reshape(features, [-1, self.dense.kernel.shape[0]]))
        if self.san_head is not None:
            return self.san_head(features, labels)[:, 0]
        scores = self.score(features)  # [batch, 1], or [batch, channels] if conditional
        if self.mapping is None:
            return scores[:, 0]
        centers = self.mapping(None, labels)
        return tf.reduce_sum(scores * centers, axis=1) * centers.shape[1] ** -0.5

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "channel_base": self.channel_base,
            "max_channels": self.max_channels,
            "num_classes": self.num_classes,
            "label_size": self.label_size,
            "architecture": self.architecture,
            "num_mapping_layers": self.num_mapping_layers,
            "minibatch_stddev_group_size": self.minibatch_stddev_group_size,
            "minibatch_stddev_channels": self.minibatch_stddev_channels,
            "minibatch_stddev_grouping": self.minibatch_stddev_grouping,
            "resample_filter": self.resample_filter,
            "conv_clamp": self.conv_clamp,
            "num_mixed_precision_resolutions": self.num_mixed_precision_resolutions,
            "mapping_learning_rate_multiplier": self.mapping_learning_rate_multiplier,
            "channels": self.channels,
            "seed": self.seed,
            "dtype": serialized_policy(self),
            **self.head_config(),
        }
