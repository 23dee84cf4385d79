"""VQVAE's decoder: residual blocks and transposed convolutions."""

import keras
from keras import ops

from tfgan_suite.models.vqvae.vqvae_encoder import ResidualBlock, convolution


@keras.saving.register_keras_serializable("tfgan_suite")
class VQVAEDecoder(keras.Model):
    """A convolution, residual blocks, and transposed 4x4 convolutions up to the image.

    Args:
        image_channels: Integer >= 1.
        downsampling: Integer, a power of 2. Pixels of a token's side.
        channels: Integer >= 1. Channels at the tokens' size; half as many after.
        residual_blocks: Integer >= 0.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        codes: float32 `[batch, height, width, size]`.

    Output shape:
        float32 `[batch, height * downsampling, width * downsampling, image_channels]`.
    """

    def __init__(self, image_channels, downsampling=4, channels=128, residual_blocks=2, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_channels = image_channels
        self.downsampling = downsampling
        self.channels = channels
        self.residual_blocks = residual_blocks
        self.seed = seed
        doublings, dtype = downsampling.bit_length() - 1, self.dtype_policy
        self.first_convolution = convolution(channels, 3, 1, seed, dtype, "convolve")
        self.blocks = [
            ResidualBlock(max(1, channels // 4), seed + 100 + 2 * index, dtype=dtype, name=f"block_{index}")
            for index in range(residual_blocks)
        ]
        self.convolutions = [
            keras.layers.Conv2DTranspose(
                channels // 2,
                4,
                2,
                "same",
                activation="relu",
                kernel_initializer=keras.initializers.HeUniform(seed + 200 + index),
                dtype=dtype,
                name=f"up_{index}",
            )
            for index in range(doublings)
        ]
        self.to_image = keras.layers.Conv2D(
            image_channels,
            3,
            padding="same",
            kernel_initializer=keras.initializers.GlorotUniform(seed + 300),
            dtype="float32",
            name="image",
        )

    def call(self, codes, training=False):
        features = self.first_convolution(codes)
        for block in self.blocks:
            features = block(features)
        features = ops.relu(features)
        for convolve in self.convolutions:
            features = convolve(features)
        return self.to_image(ops.cast(features, "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "image_channels": self.image_channels,
            "downsampling": self.downsampling,
            "channels": self.channels,
            "residual_blocks": self.residual_blocks,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
