"""VAE's encoder: strided convolutions, and a normal distribution over latents."""

import keras
from keras import ops


def stage_sizes(image_shape):
    """Heights and widths from half the image's down to the coarsest: halved while both are even and above 4, at most 4 times.

    Raises:
        ValueError: The image cannot be halved at all.
    """
    height, width, _ = image_shape
    sizes = []
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > 4 and len(sizes) < 4:
        height, width = height // 2, width // 2
        sizes.append((height, width))
    # 7x7 of a 28x28 image is coarse enough; what is even goes on to 8x8 or below.
    if not sizes:
        raise ValueError(
            f"`image_shape` must have an even height and width above 4. Received: image_shape={tuple(image_shape)}. Bring an "
            "encoder and a decoder of your own for other sizes."
        )
    return sizes


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEEncoder(keras.Model):
    """Strided convolutions with SiLU down to a few pixels, a dense layer, and the parameters of the posterior.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 1. Channels at half the image's size; doubled at each halving, up to four times as many.
        dense_units: Integer >= 1. Units of the dense layer.
        num_classes: Integer >= 1, or `None`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, 2 * latent_size]`: means, then log-deviations.
    """

    def __init__(
        self, image_shape, latent_size=32, base_channels=32, dense_units=256, num_classes=None, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.base_channels = base_channels
        self.dense_units = dense_units
        self.num_classes = num_classes
        self.seed = seed
        self.convolutions = [
            keras.layers.Conv2D(
                base_channels * min(2**index, 4),
                4,
                strides=2,
                padding="same",
                activation="silu",
                kernel_initializer=keras.initializers.GlorotUniform(seed + index),
                dtype=self.dtype_policy,
                name=f"down_to_{height}",
            )
            for index, (height, _) in enumerate(stage_sizes(image_shape))
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(
            dense_units,
            activation="silu",
            kernel_initializer=keras.initializers.GlorotUniform(seed + 100),
            dtype=self.dtype_policy,
            name="dense",
        )
        # Small at first: the posterior begins as the prior.
        self.posterior = keras.layers.Dense(
            2 * latent_size,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seed + 101),
            dtype="float32",
            name="posterior",
        )

    def call(self, images, labels=None, training=False):
        features = images
        for convolve in self.convolutions:
            features = convolve(features)
        features = self.flatten(features)
        if self.num_classes is not None:
            classes = ops.one_hot(labels, self.num_classes, dtype=features.dtype)
            features = ops.concatenate([features, classes], axis=1)
        return self.posterior(ops.cast(self.dense(features), "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "dense_units": self.dense_units,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
