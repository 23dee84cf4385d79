"""VAE's decoder: from latents to the parameters of each pixel's distribution."""

import keras
from keras import ops

from tfgan_suite.models.vae.vae_encoder import stage_sizes


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEDecoder(keras.Model):
    """Two dense layers, transposed convolutions with SiLU up to the image's size, and a convolution to the parameters.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_parameters: Integer >= 1. Parameters of a pixel.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 1. Channels at the image's size and at half of it; then as the encoder's.
        dense_units: Integer >= 1. Units of the first dense layer.
        num_classes: Integer >= 1, or `None`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: float32 `[batch, latent_size]`.
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, height, width, num_parameters]`.
    """

    def __init__(
        self,
        image_shape,
        num_parameters,
        latent_size=32,
        base_channels=32,
        dense_units=256,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.num_parameters = num_parameters
        self.latent_size = latent_size
        self.base_channels = base_channels
        self.dense_units = dense_units
        self.num_classes = num_classes
        self.seed = seed
        sizes = stage_sizes(image_shape)
        height, width = sizes[-1]
        channels = [base_channels * min(2**index, 4) for index in range(len(sizes))][::-1]
        self.dense = [
            keras.layers.Dense(
                units,
                activation="silu",
                kernel_initializer=keras.initializers.GlorotUniform(seed + index),
                dtype=self.dtype_policy,
                name=f"dense_{index}",
            )
            for index, units in enumerate([dense_units, height * width * channels[0]])
        ]
        self.unflatten = keras.layers.Reshape([height, width, channels[0]], dtype=self.dtype_policy)
        self.convolutions = [
            keras.layers.Conv2DTranspose(
                filters,
                4,
                strides=2,
                padding="same",
                activation="silu",
                kernel_initializer=keras.initializers.GlorotUniform(seed + 100 + index),
                dtype=self.dtype_policy,
                name=f"up_{index}",
            )
            for index, filters in enumerate([*channels[1:], base_channels])
        ]
        # Parameters of a likelihood keep their digits.
        self.output_convolution = keras.layers.Conv2D(
            num_parameters,
            3,
            padding="same",
            kernel_initializer=keras.initializers.GlorotUniform(seed + 200),
            dtype="float32",
            name="parameters",
        )

    def call(self, latents, labels=None, training=False):
        features = latents
        if self.num_classes is not None:
            classes = ops.one_hot(labels, self.num_classes, dtype=features.dtype)
            features = ops.concatenate([features, classes], axis=1)
        for layer in self.dense:
            features = layer(features)
        features = self.unflatten(features)
        for convolve in self.convolutions:
            features = convolve(features)
        return self.output_convolution(ops.cast(features, "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_parameters": self.num_parameters,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "dense_units": self.dense_units,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
