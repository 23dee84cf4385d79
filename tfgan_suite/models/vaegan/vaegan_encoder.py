"""VAEGAN's encoder: strided convolutions, and a normal distribution over latents."""

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.convolution import Convolution


def stage_sizes(image_shape):
    """Heights and widths from half the image's down to the coarsest, which is 8x8 wherever the paper's rule leads there.

    Halved once, and on while both are even and above 8.

    Raises:
        ValueError: The image cannot be halved at all.
    """
    height, width, _ = image_shape
    sizes = []
    while height % 2 == 0 and width % 2 == 0 and (not sizes or min(height, width) > 8):
        height, width = height // 2, width // 2
        sizes.append((height, width))
    if not sizes:
        raise ValueError(
            f"`image_shape` must have an even height and width. Received: image_shape={tuple(image_shape)}. Bring an encoder, a "
            "decoder and a discriminator of your own for other sizes."
        )
    return sizes


def stage_channels(base_channels, num_stages):
    """Channels of the stages, finest first: doubled at each, up to four times `base_channels`."""
    return [base_channels * min(2**index, 4) for index in range(num_stages)]


def initializer(seed):
    """He's, for layers before ReLU."""
    return keras.initializers.HeNormal(seed)


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEGANEncoder(keras.Model):
    """Strided 5x5 convolutions down to 8x8 and a dense layer, each with batch normalization and ReLU; means and deviations.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 2. Channels at half the image's size; doubled at each halving, up to four times as many.
            The dense layer has 32 times as many units.
        num_classes: Integer >= 1, or `None`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, 2 * latent_size]`: means, then log-deviations.

    Example:

    >>> VAEGANEncoder((16, 16, 1), latent_size=4, base_channels=4)(np.zeros([2, 16, 16, 1], "float32")).shape
    TensorShape([2, 8])

    Reference: Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016), table 1.
    """

    def __init__(self, image_shape, latent_size=128, base_channels=64, num_classes=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.base_channels = base_channels
        self.num_classes = num_classes
        self.seed = seed
        sizes = stage_sizes(image_shape)
        self.convolutions = [
            Convolution(
                filters,
                5,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=initializer(seed + index),
                dtype=self.dtype_policy,
                name=f"down_to_{height}",
            )
            for index, ((height, _), filters) in enumerate(zip(sizes, stage_channels(base_channels, len(sizes))))
        ]
        self.normalizations = [
            BatchNormalization(dtype=self.dtype_policy, name=f"normalize_{height}") for height, _ in sizes
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(
            32 * base_channels,
            use_bias=False,
            kernel_initializer=initializer(seed + 100),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.normalize_dense = BatchNormalization(dtype=self.dtype_policy, name="normalize_dense")
        # Small at first: the posterior begins as the prior.
        self.posterior = keras.layers.Dense(
            2 * latent_size,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seed + 101),
            dtype="float32",
            name="posterior",
        )

    def call(self, images, labels=None, training=False):
        features = images
        for convolve, normalize in zip(self.convolutions, self.normalizations):
            features = ops.relu(normalize(convolve(features), training=training))
        features = self.flatten(features)
        if self.num_classes is not None:
            classes = ops.one_hot(labels, self.num_classes, dtype=features.dtype)
            features = ops.concatenate([features, classes], axis=1)
        features = ops.relu(self.normalize_dense(self.dense(features), training=training))
        return self.posterior(ops.cast(features, "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
