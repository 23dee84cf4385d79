"""DCGAN's generator: a stack of fractionally strided convolutions."""

import math

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.transposed_convolution import TransposedConvolution


def stage_channels(image_shape, base_channels, max_channels):
    """Channels at 4x4, 8x8, ..., half the image's size: doubled at each halving, up to `max_channels`.

    Raises:
        ValueError: The image is not square, or its size is not a power of two from 8 to 128.
    """
    height, width, channels = image_shape
    num_stages = int(math.log2(height)) - 2 if height > 0 else 0
    if height != width or 4 * 2**num_stages != height or not 8 <= height <= 128 or channels not in (1, 3, 4):
        raise ValueError(
            "Expected image_shape (size, size, channels) with size one of 8, 16, 32, 64, 128 and channels 1, 3 or 4. "
            f"Received: image_shape={tuple(image_shape)}. `tfgan-suite prepare --image-size` resizes a data set."
        )
    return [min(base_channels * 2 ** (num_stages - 1 - stage), max_channels) for stage in range(num_stages)]


@keras.saving.register_keras_serializable("tfgan_suite")
class DCGANGenerator(keras.Model):
    """Latents to 4x4 features, then up by two at a time to the image; batch normalisation and ReLU between, tanh last.

    A conditional generator gets the class as a one-hot vector beside the latents.

    Args:
        image_shape: `(size, size, channels)`, size a power of two from 8 to 128.
        latent_size: Length of the latents.
        base_channels: Channels at half the image's size.
        max_channels: Bound on the channels at small sizes.
        kernel_size: Of every convolution; 5 in the paper, 4 in most later code.
        num_classes: Number of classes, or `None`.
        seed: Of the initial weights.

    Call: latents float32 `[batch, latent_size]`, labels int32 `[batch]` or one-hot float `[batch, num_classes]` or
    `None`, to images float32 `[batch, size, size, channels]` in [-1, 1].

    Example:

    >>> DCGANGenerator((32, 32, 1), base_channels=4)(np.zeros([2, 100], "float32")).shape
    TensorShape([2, 32, 32, 1])

    Reference: Radford et al., "Unsupervised Representation Learning with DCGANs" (2016), section 3 and figure 1.
    """

    takes_class_vectors = True

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
    """N(mean, 0.02), the paper's section 4."""
    return keras.initializers.RandomNormal(mean=mean, stddev=0.02, seed=seed)
