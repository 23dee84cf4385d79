"""ProGAN's discriminator: the generator's mirror image, with a look at how images of a batch differ."""

import functools

import keras
import tensorflow as tf

from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.fused_scaling import FusedDownscaleConvolution
from tfgan_suite.layers.minibatch_stddev import MinibatchStddev
from tfgan_suite.models.progan.image_pyramid import blend, reduce
from tfgan_suite.models.progan.progan_levels import at_level_of_detail, check_level, coarsest_level, level_channels

_HE_GAIN = 2.0**0.5


@keras.saving.register_keras_serializable("tfgan_suite")
class ProGANDiscriminator(keras.Model):
    """Images to features, halved in size once for each level; at 4x4 a score and, with classes, a guess at the class.

    Level 0 is the full size, each further level half the size of the one before. All levels have their weights from
    the start. `score_at` takes images of one level's own size and runs what that level needs; calling the network takes
    images of the full size and reduces them first.

    Args:
        image_shape: `(size, size, channels)`, size 4 times a power of two.
        channel_base: Channels at `size` pixels are `2 * channel_base / size`.
        max_channels: Bound on the channels at small sizes.
        num_classes: Number of classes to tell apart, or `None`.
        fused_scaling: Whether a block halves the size within its second convolution, which is quicker. If not, it
            averages pixels after that convolution's leaky ReLU.
        minibatch_stddev_group_size: Examples of a group, `None` for the whole batch; the paper's 16 is its whole batch.
        minibatch_stddev_channels: Channels that show how much a group's images differ; 0 for none.
        minibatch_stddev_grouping: `"strided"`, as the paper's code does it, or `"contiguous"`, for which replicas whose
            batch is a multiple of the group size make the same groups as one device.
        seed: Of the initial weights.

    Call: images float32 `[batch, size, size, channels]` in [-1, 1], level_of_detail, to logits float32 `[batch]`. Labels
    are taken and not used, as the class is a guess here; `score` gives the guesses too. A level of detail of 1.25 is
    level 1 with a quarter of level 2 blended in. It may be a number, or a scalar tensor or variable, for which one graph
    serves all levels; in a graph such a call can be differentiated once, so gradient penalties take a number, or
    `score_at`, whose `fade` may be a tensor there too.

    Example:

    >>> discriminator = ProGANDiscriminator((32, 32, 3), channel_base=64, max_channels=8, num_classes=5)
    >>> discriminator(np.zeros([4, 32, 32, 3], "float32"), level_of_detail=1.5).shape
    TensorShape([4])
    >>> logits, class_logits = discriminator.score_at(np.zeros([4, 16, 16, 3], "float32"), level=1, fade=0.5)
    >>> class_logits.shape
    TensorShape([4, 5])

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    sections 2 to 4, table 2. Labels: Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs" (2017).
    """

    def __init__(
        self,
        image_shape,
        channel_base=8192,
        max_channels=512,
        num_classes=None,
        fused_scaling=True,
        minibatch_stddev_group_size=4,
        minibatch_stddev_channels=1,
        minibatch_stddev_grouping="strided",
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.channel_base = channel_base
        self.max_channels = max_channels
        self.num_classes = num_classes
        self.fused_scaling = fused_scaling
        self.minibatch_stddev_group_size = minibatch_stddev_group_size
        self.minibatch_stddev_channels = minibatch_stddev_channels
        self.minibatch_stddev_grouping = minibatch_stddev_grouping
        self.seed = seed
        self.coarsest_level = coarsest_level(self.image_shape)

        rectified = {"gain": _HE_GAIN, "activation": "leaky_relu", "dtype": self.dtype_policy}
        convolution = functools.partial(EqualizedConvolution, **rectified)
        down_convolution = functools.partial(
            FusedDownscaleConvolution if fused_scaling else EqualizedConvolution, **rectified
        )
        # These three by level, the full size first.
        self.from_rgb, self.convolutions, self.down_convolutions = [], [], []
        for level in range(self.coarsest_level + 1):
            size = self.size_at(level)
            name, filters, seed = f"{size}x{size}", self.channels_at(size), self.seed + 10 * size
            self.from_rgb.append(convolution(filters, 1, seed=seed, name=f"{name}_from_rgb"))
            if level < self.coarsest_level:
                self.convolutions.append(convolution(filters, seed=seed + 1, name=f"{name}_convolution"))
                self.down_convolutions.append(
                    down_convolution(self.channels_at(size // 2), seed=seed + 2, name=f"{name}_down_convolution")
                )
        self.minibatch_stddev = None
        if minibatch_stddev_channels:
            self.minibatch_stddev = MinibatchStddev(
                minibatch_stddev_group_size,
                minibatch_stddev_channels,
                minibatch_stddev_grouping,
                dtype=self.dtype_policy,
                name="minibatch_stddev",
            )
        channels, seed = self.channels_at(4), self.seed
        self.convolution = convolution(channels, seed=seed + 1, name="4x4_convolution")
        self.dense = EqualizedDense(channels, seed=seed + 2, **rectified, name="4x4_dense")
        self.score_dense = EqualizedDense(1 + (num_classes or 0), seed=seed + 3, dtype="float32", name="4x4_score")
        self.build()

    def size_at(self, level):
        """Height and width of a level's images."""
        return self.image_shape[0] >> level

    def channels_at(self, size):
        """Channels of the features at `size` pixels."""
        return level_channels(size, self.channel_base, self.max_channels)

    def build(self, images_shape=None, labels_shape=None):
        """Makes the weights of all levels, of whatever level the first images may be."""
        if self.built:
            return
        for from_rgb in self.from_rgb:
            from_rgb.build([None, None, None, self.image_shape[-1]])
        for level, (convolution, down_convolution) in enumerate(zip(self.convolutions, self.down_convolutions)):
            shape = [None, None, None, self.channels_at(self.size_at(level))]
            convolution.build(shape)
            down_convolution.build(shape)
        channels = self.channels_at(4)
        self.convolution.build([None, 4, 4, channels + self.minibatch_stddev_channels])
        self.dense.build([None, 16 * channels])
        self.score_dense.build([None, channels])

    def call(self, images, labels=None, training=False, level_of_detail=0.0):
        return self.score(images, level_of_detail)[0]

    def score(self, images, level_of_detail=0.0):
        """Scores images of the full size.

        Args:
            images: float32 `[batch, size, size, channels]` in [-1, 1].
            level_of_detail: As in the call.

        Returns:
            Logits float32 `[batch]`, and class logits float32 `[batch, num_classes]`, or `None` without classes.
        """

        def score_at(level, fade):
            return self._outputs_at(reduce(images, 2**level), level, fade)

        images = tf.convert_to_tensor(images)
        self._check_images(images, 0)
        return self._split(at_level_of_detail(level_of_detail, self.coarsest_level, score_at))

    def score_at(self, images, level=0, fade=0.0):
        """Scores images of one level's own size; finer levels are not run.

        Args:
            images: float32 `[batch, size_at(level), size_at(level), channels]` in [-1, 1].
            level: An int, from 0 for the full size to `coarsest_level` for 4x4.
            fade: Share of the features that the next coarser level makes of the reduced images, in [0, 1]; a number or
                a scalar tensor. The number 0 runs no convolution for it.

        Returns:
            As `score`.
        """
        check_level(level, fade, self.coarsest_level)
        images = tf.convert_to_tensor(images)
        self._check_images(images, level)
        return self._split(self._outputs_at(images, level, fade))

    def _check_images(self, images, level):
        expected = (self.size_at(level), self.size_at(level), self.image_shape[-1])
        if tuple(images.shape[1:]) != expected:
            raise ValueError(f"Expected images of shape {expected} at level {level}. Received: {images.shape[1:]}")

    def _outputs_at(self, images, level, fade):
        """Logit and class logits side by side, float32 `[batch, 1 + num_classes]`."""
        features = self.from_rgb[level](images)
        if level < self.coarsest_level:
            features = self._condense(features, level)
            features = blend(features, lambda: self.from_rgb[level + 1](reduce(images)), fade)
        for current in range(level + 1, self.coarsest_level):
            features = self._condense(features, current)
        if self.minibatch_stddev is not None:
            features = self.minibatch_stddev(features)  # [batch, 4, 4, channels + 1]
        features = self.convolution(features)
        features = self.dense(tf.reshape(features, [-1, 16 * features.shape[-1]]))
        return self.score_dense(features)

    def _condense(self, features, level):
        features = self.down_convolutions[level](self.convolutions[level](features))
        return features if self.fused_scaling else reduce(features)  # [batch, size / 2, size / 2, ...]

    def _split(self, outputs):
        return outputs[:, 0], None if self.num_classes is None else outputs[:, 1:]

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "channel_base": self.channel_base,
            "max_channels": self.max_channels,
            "num_classes": self.num_classes,
            "fused_scaling": self.fused_scaling,
            "minibatch_stddev_group_size": self.minibatch_stddev_group_size,
            "minibatch_stddev_channels": self.minibatch_stddev_channels,
            "minibatch_stddev_grouping": self.minibatch_stddev_grouping,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
