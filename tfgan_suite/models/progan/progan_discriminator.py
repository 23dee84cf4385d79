"""ProGAN's discriminator: the mirror image of the generator, with a measure of how the images of a batch differ."""

import functools

import keras
import tensorflow as tf

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.fused_scaling import FusedDownscaleConvolution
from tfgan_suite.layers.minibatch_stddev import MinibatchStddev
from tfgan_suite.models.progan.image_pyramid import blend, reduce
from tfgan_suite.models.progan.progan_levels import at_level_of_detail, check_level, coarsest_level, level_channels

_HE_GAIN = 2.0**0.5


@keras.saving.register_keras_serializable("tfgan_suite")
class ProGANDiscriminator(TakesSANHead, keras.Model):
    """Halves the features once per level, down to 4x4 and a logit, plus class logits if there are classes.

    Level 0 is the full size, and each further level is half the size of the previous one. All levels have their weights
    from the start. `score_at` takes images at the size of one level and runs what that level needs; calling the network
    takes images at full size and downsamples them first.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is 4 times a power of two.
        channel_base: Integer. The features at `size` pixels have `2 * channel_base / size` channels.
        max_channels: Integer. Upper bound of the channels at small sizes.
        num_classes: Integer >= 1, or `None`. Number of classes to recognize.
        fused_scaling: Boolean. Whether the second convolution of a block also halves the size, which is faster. If not,
            pixels are averaged after the leaky ReLU of that convolution.
        minibatch_stddev_group_size: Integer >= 1, or `None`. Number of examples in a group; `None` for the whole batch.
            The paper's 16 is its whole batch.
        minibatch_stddev_channels: Integer >= 0. Number of channels that show how much the images of a group differ.
        minibatch_stddev_grouping: String, one of `"strided"` (as in the paper's code) or `"contiguous"`, with which
            replicas whose batch is a multiple of the group size form the same groups as a single device.
        san_head: Boolean. Whether a `SANDense` makes the logit. Not only later, by `use_san_head`, since the weights are made here.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, size, size, channels]`, in [-1, 1].
        labels: Ignored, since the network predicts the class; `score` returns the predictions.
        level_of_detail: Float, or a scalar tensor or variable. 1.25 is level 1 with a quarter of level 2 blended in.
            With a tensor, one graph serves all levels. In a graph, such a call can be differentiated only once, so
            gradient penalties use a float, or `score_at`, whose `fade` may be a tensor even then.

    Output shape:
        `[batch]`, float32 logits.

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
        san_head=False,
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
        # Each of these lists is by level, starting at the full size.
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
        outputs = (num_classes or 0) + int(not san_head)
        self.score_dense = None
        if outputs:
            self.score_dense = EqualizedDense(outputs, seed=seed + 3, dtype="float32", name="4x4_score")
        if san_head:
            self.use_san_head()
        self.build()

    own_head = ()  # It also makes the logits of the classes.
    san_classes = None

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def size_at(self, level):
        """Returns the height and width of a level's images."""
        return self.image_shape[0] >> level

    def channels_at(self, size):
        """Returns the number of feature channels at `size` pixels."""
        return level_channels(size, self.channel_base, self.max_channels)

    def build(self, images_shape=None, labels_shape=None):
        """Creates the weights of all levels, regardless of the level of the first images."""
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
        for head in (self.score_dense, self.san_head):
            if head is not None:
                head.build([None, channels])

    def call(self, images, labels=None, training=False, level_of_detail=0.0):
        return self.score(images, level_of_detail)[0]

    def score(self, images, level_of_detail=0.0):
        """Scores images at full size.

        Args:
            images: A float32 tensor of shape `[batch, size, size, channels]`, in [-1, 1].
            level_of_detail: Float, or a scalar tensor or variable, as in the call.

        Returns:
            A tuple of logits, float32 `[batch]`, and class logits, float32 `[batch, num_classes]`, or `None` without
            classes.
        """

        def score_at(level, fade):
            return self._features_at(reduce(images, 2**level), level, fade)

        images = tf.convert_to_tensor(images)
        self._check_images(images, 0)
        return self._score(at_level_of_detail(level_of_detail, self.coarsest_level, score_at))

    def score_at(self, images, level=0, fade=0.0):
        """Scores images at the size of one level; finer levels are not run.

        Args:
            images: A float32 tensor of shape `[batch, size_at(level), size_at(level), channels]`, in [-1, 1].
            level: Integer, from 0 for the full size to `coarsest_level` for 4x4.
            fade: Float in [0, 1], or a scalar tensor. Share of the features that the next coarser level computes from
                the downsampled images. The float 0 runs no convolution for them.

        Returns:
            See `score`.
        """
        check_level(level, fade, self.coarsest_level)
        images = tf.convert_to_tensor(images)
        self._check_images(images, level)
        return self._score(self._features_at(images, level, fade))

    def _check_images(self, images, level):
        expected = (self.size_at(level), self.size_at(level), self.image_shape[-1])
        if tuple(images.shape[1:]) != expected:
            raise ValueError(
                f"`images` must have shape {expected} at level {level}. Received: images of shape {images.shape[1:]}"
            )

    def _features_at(self, images, level, fade):
        """Returns what the last layer takes, `[batch, channels]`."""
        features = self.from_rgb[level](images)
        if level < self.coarsest_level:
            features = self._condense(features, level)
            features = blend(features, lambda: self.from_rgb[level + 1](reduce(images)), fade)
        for current in range(level + 1, self.coarsest_level):
            features = self._condense(features, current)
        if self.minibatch_stddev is not None:
            features = self.minibatch_stddev(features)  # [batch, 4, 4, channels + 1]
        features = self.convolution(features)
        return self.dense(tf.reshape(features, [-1, 16 * features.shape[-1]]))

    def _condense(self, features, level):
        features = self.down_convolutions[level](self.convolutions[level](features))
        return features if self.fused_scaling else reduce(features)  # [batch, size / 2, size / 2, ...]

    def _score(self, features):
        if self.san_head is not None:
            logits = self.san_head(features)[:, 0]
            return logits, None if self.num_classes is None else self.score_dense(features)
        outputs = self.score_dense(features)  # [batch, 1 + num_classes]
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
            **self.head_config(),
        }
