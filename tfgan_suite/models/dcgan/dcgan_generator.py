"""DCGAN's generator: a stack of fractionally strided convolutions."""

import math

import keras
from keras import ops

from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.transposed_convolution import TransposedConvolution


def stage_channels(image_shape, base_channels, max_channels):
    """Returns the channels at 4x4, 8x8, ..., half the image size: doubled at each halving, up to `max_channels`.

    Raises:
        ValueError: If the image is not square, or its size is not a power of two from 8 to 128.
    """
    height, width, channels = image_shape
    num_stages = int(math.log2(height)) - 2 if height > 0 else 0
    if height != width or 4 * 2**num_stages != height or not 8 <= height <= 128 or channels not in (1, 3, 4):
        raise ValueError(
            "`image_shape` must be (size, size, channels) with size one of 8, 16, 32, 64, 128 and channels 1, 3, or 4. "
            f"Received: image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` to resize a dataset."
        )
    return [min(base_channels * 2 ** (num_stages - 1 - stage), max_channels) for stage in range(num_stages)]


@keras.saving.register_keras_serializable("tfgan_suite")
class DCGANGenerator(MixesClasses, keras.Model):
    """Maps latents to 4x4 features and doubles them up to the image, with batch normalization and ReLU, and tanh last.

    In a conditional generator, the class is concatenated to the latents as a one-hot vector.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is a power of two from 8 to 128.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 1. Number of channels at half the image size.
        max_channels: Integer >= 1. Upper bound of the channels at small sizes.
        kernel_size: Integer >= 1. Height and width of all kernels; 5 in the paper, 4 in most later code.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: An int32 tensor of shape `[batch]`, a one-hot float tensor of shape `[batch, num_classes]`, or `None`.

    Output shape:
        `[batch, size, size, channels]`, float32 images in [-1, 1].

    Example:

    >>> DCGANGenerator((32, 32, 1), base_channels=4)(np.zeros([2, 100], "float32")).shape
    TensorShape([2, 32, 32, 1])

    Reference: Radford et al., "Unsupervised Representation Learning with DCGANs" (2016), section 3 and figure 1.
    """

    def __init__(
        self,
        image_shape,
        latent_size=100,
        base_channels=128,
        max_channels=1024,
        kernel_size=5,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.base_channels = base_channels
        self.max_channels = max_channels
        self.kernel_size = kernel_size
        self.num_classes = num_classes
        self.seed = seed

        channels = stage_channels(self.image_shape, base_channels, max_channels)
        self.project = keras.layers.Dense(
            4 * 4 * channels[0],
            use_bias=False,
            kernel_initializer=normal_initializer(seed),
            dtype=self.dtype_policy,
            name="project",
        )
        self.unflatten = keras.layers.Reshape([4, 4, channels[0]], dtype=self.dtype_policy)
        self.normalizations = [
            BatchNormalization(
                gamma_initializer=normal_initializer(seed + 100 + i, mean=1.0),
                dtype=self.dtype_policy,
                name=f"normalize_{4 * 2**i}",
            )
            for i in range(len(channels))
        ]
        self.convolutions = [
            TransposedConvolution(
                filters,
                kernel_size,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=normal_initializer(seed + 1 + i),
                dtype=self.dtype_policy,
                name=f"up_to_{8 * 2**i}",
            )
            for i, filters in enumerate([*channels[1:], self.image_shape[-1]])
        ]

    def call(self, latents, labels=None, training=False):
        if self.num_classes is not None:
            labels = ops.convert_to_tensor(labels)
            if len(labels.shape) == 1:
                labels = ops.one_hot(labels, self.num_classes)
            classes = ops.cast(labels, latents.dtype)
            latents = ops.concatenate([latents, classes], axis=1)  # [batch, latent_size + num_classes]
        features = self.unflatten(self.project(latents))  # [batch, 4, 4, channels]
        for normalize, convolve in zip(self.normalizations, self.convolutions):
            features = convolve(ops.relu(normalize(features, training=training)))  # [batch, 2 * size, 2 * size, ...]
        return ops.tanh(ops.cast(features, "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "max_channels": self.max_channels,
            "kernel_size": self.kernel_size,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def normal_initializer(seed, mean=0.0):
    """Returns an initializer for N(mean, 0.02), from section 4 of the paper."""
    return keras.initializers.RandomNormal(mean=mean, stddev=0.02, seed=seed)
