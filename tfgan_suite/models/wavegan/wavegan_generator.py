"""WaveGAN's generator: DCGAN's, flattened to one dimension."""

import math

import keras
from keras import ops

FIRST_LENGTH = 16  # Samples before the first transposed convolution.
STRIDE = 4


def num_stages(num_samples):
    """How many convolutions of stride 4 lead from 16 samples to `num_samples`.

    Raises:
        ValueError: It is not 16 times a power of four, or out of range.
    """
    stages = round(math.log(max(num_samples, 1) / FIRST_LENGTH, STRIDE))
    if not 2 <= stages <= 6 or FIRST_LENGTH * STRIDE**stages != num_samples:
        lengths = ", ".join(f"{FIRST_LENGTH * STRIDE**stages:,}" for stages in range(2, 7))
        raise ValueError(f"Clips must have a number of samples out of {lengths}. Received: {num_samples:,}")
    return stages


@keras.saving.register_keras_serializable("tfgan_suite")
class WaveGANGenerator(keras.Model):
    """Maps latents to 16 samples of many channels, and makes four of each until the clip is whole; tanh last.

    Args:
        num_samples: Integer. Length of a clip, 16 times a power of four: 256 to 65,536.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 1, the paper's d. Channels before the last convolution; doubled at each quarter of the length.
        kernel_size: Integer >= 4. Samples of a kernel.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.

    Output shape:
        `[batch, num_samples, 1]`, float32 samples in [-1, 1].

    Example:

    >>> WaveGANGenerator(256, base_channels=2)(np.zeros([2, 100], "float32")).shape
    TensorShape([2, 256, 1])

    Reference: Donahue et al., "Adversarial Audio Synthesis" (2019), section 3.1 and table 3.
    """

    def __init__(self, num_samples, latent_size=100, base_channels=64, kernel_size=25, seed=0, **kwargs):
        super().__init__(**kwargs)
        stages = num_stages(num_samples)
        self.num_samples = num_samples
        self.latent_size = latent_size
        self.base_channels = base_channels
        self.kernel_size = kernel_size
        self.seed = seed
        channels = [base_channels * 2**stage for stage in reversed(range(stages))]  # Of 16d to d.
        self.project = keras.layers.Dense(
            FIRST_LENGTH * channels[0],
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            dtype=self.dtype_policy,
            name="project",
        )
        self.unflatten = keras.layers.Reshape([FIRST_LENGTH, channels[0]], dtype=self.dtype_policy)
        self.convolutions = [
            keras.layers.Conv1DTranspose(
                filters,
                kernel_size,
                strides=STRIDE,
                padding="same",
                kernel_initializer=keras.initializers.GlorotUniform(seed + 1 + stage),
                dtype=self.dtype_policy,
                name=f"up_to_{FIRST_LENGTH * STRIDE ** (stage + 1)}",
            )
            for stage, filters in enumerate([*channels[1:], 1])
        ]

    def call(self, latents, training=False):
        samples = self.unflatten(self.project(latents))  # [batch, 16, channels]
        for convolve in self.convolutions:
            samples = convolve(ops.relu(samples))  # [batch, 4 * length, channels / 2]
        return ops.tanh(ops.cast(samples, "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "num_samples": self.num_samples,
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "kernel_size": self.kernel_size,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
