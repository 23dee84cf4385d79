"""VQVAE's encoder: strided convolutions and residual blocks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfgan_suite")
class ResidualBlock(keras.layers.Layer):
    """`x + conv1x1(relu(conv3x3(relu(x))))`.

    Args:
        hidden_channels: Integer >= 1. Channels between the convolutions.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        `[batch, height, width, channels]`.

    Output shape:
        The same.
    """

    def __init__(self, hidden_channels, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_channels = hidden_channels
        self.seed = seed

    def build(self, input_shape):
        self.convolve_1 = convolution(self.hidden_channels, 3, 1, self.seed, self.dtype_policy, "convolve_1")
        self.convolve_2 = convolution(input_shape[-1], 1, 1, self.seed + 1, self.dtype_policy, "convolve_2")
        self.convolve_1.build(input_shape)
        self.convolve_2.build((*input_shape[:-1], self.hidden_channels))

    def call(self, inputs):
        return inputs + self.convolve_2(ops.relu(self.convolve_1(ops.relu(inputs))))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "hidden_channels": self.hidden_channels, "seed": self.seed}


def convolution(filters, size, strides, seed, dtype, name):
    """A convolution with padding, as encoder and decoder have them."""
    initializer = keras.initializers.HeUniform(seed)
    return keras.layers.Conv2D(filters, size, strides, "same", kernel_initializer=initializer, dtype=dtype, name=name)


@keras.saving.register_keras_serializable("tfgan_suite")
class VQVAEEncoder(keras.Model):
    """Strided 4x4 convolutions, residual blocks, and a 1x1 convolution to the vectors that are quantized.

    Args:
        size: Integer >= 1. Length of a vector.
        downsampling: Integer, a power of 2. Pixels of a token's side.
        channels: Integer >= 1. Channels at the tokens' size; half as many before.
        residual_blocks: Integer >= 0.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].

    Output shape:
        float32 `[batch, height / downsampling, width / downsampling, size]`.
    """

    def __init__(self, size, downsampling=4, channels=128, residual_blocks=2, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.downsampling = downsampling
        self.channels = channels
        self.residual_blocks = residual_blocks
        self.seed = seed
        halvings, dtype = downsampling.bit_length() - 1, self.dtype_policy
        self.convolutions = [
            convolution(channels // 2, 4, 2, seed + index, dtype, f"down_{index}") for index in range(halvings)
        ]
        self.last_convolution = convolution(channels, 3, 1, seed + 50, dtype, "convolve")
        self.blocks = [
            ResidualBlock(max(1, channels // 4), seed + 100 + 2 * index, dtype=dtype, name=f"block_{index}")
            for index in range(residual_blocks)
        ]
        # What is rounded keeps its digits.
        self.to_vectors = convolution(size, 1, 1, seed + 200, "float32", "vectors")

    def call(self, images, training=False):
        features = images
        for convolve in self.convolutions:
            features = ops.relu(convolve(features))
        features = self.last_convolution(features)
        for block in self.blocks:
            features = block(features)
        return self.to_vectors(ops.cast(ops.relu(features), "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "size": self.size,
            "downsampling": self.downsampling,
            "channels": self.channels,
            "residual_blocks": self.residual_blocks,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
