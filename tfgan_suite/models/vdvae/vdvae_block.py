"""VDVAE's block: four convolutions with a bottleneck."""

import keras
import tensorflow as tf

from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.layers.convolve import mix_channels
from tfgan_suite.layers.gelu import gelu


@keras.saving.register_keras_serializable("tfgan_suite")
class VDVAEBlock(keras.layers.Layer):
    """GELU and a convolution, four times: 1x1, 3x3, 3x3, 1x1. The 3x3 ones are 1x1 at resolutions 1 and 2.

    Args:
        middle_channels: Integer. Channels within.
        channels: Integer. Channels of the output.
        resolution: Integer. Height and width of the features.
        residual: Boolean. Whether the input, with as many channels, is added to the output.
        last_scale: Float. Scale of the last convolution's initial weights; 0 for zeros.
        seed: Integer. Base seed of the initial weights.

    Features come with their GELU, since several blocks take the same ones.

    Call arguments:
        activated: List of float `[batch, resolution, resolution, any]`: the GELU of the features. Several are as one, joined
            along their channels.
        features: Float `[batch, resolution, resolution, channels]`, what a residual block is added to. `None` without.

    Output shape:
        `[batch, resolution, resolution, channels]`.

    Reference: Child, "Very Deep VAEs Generalize Autoregressive Models" (2021), figure 3.
    """

    def __init__(self, middle_channels, channels, resolution, residual=False, last_scale=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.middle_channels = middle_channels
        self.channels = channels
        self.resolution = resolution
        self.residual = residual
        self.last_scale = last_scale
        self.seed = seed
        kernel = 3 if resolution > 2 else 1
        filters = [middle_channels, middle_channels, middle_channels, channels]
        self.convolutions = [
            make_convolution(
                count, size, seed + index, last_scale if index == 3 else 1.0, self.dtype_policy, name=f"c{index + 1}"
            )
            for index, (count, size) in enumerate(zip(filters, [1, kernel, kernel, 1]))
        ]

    def build(self, activated_shape, features_shape=None):
        shape = (*activated_shape[0][:-1], sum(part[-1] for part in activated_shape))
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*shape[:-1], convolution.filters)

    def call(self, activated, features=None):
        first, *others = self.convolutions
        hidden = self._convolve_first(first, activated)
        for convolution in others:
            hidden = convolution(gelu(hidden))
        return features + hidden if self.residual else hidden

    def _convolve_first(self, first, activated):
        """The first convolution of the parts, with its own part of the kernel for each: a copy less of the largest features."""
        if len(activated) == 1:
            return first(activated[0])
        kernel = tf.cast(tf.convert_to_tensor(first.kernel), self.compute_dtype)
        kernels = tf.split(kernel, [part.shape[-1] for part in activated], axis=2)
        return tf.add_n([mix_channels(*pair) for pair in zip(activated, kernels)]) + tf.cast(
            first.bias, self.compute_dtype
        )

    def compute_output_shape(self, activated_shape, features_shape=None):
        return (*activated_shape[0][:-1], self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "middle_channels": self.middle_channels,
            "channels": self.channels,
            "resolution": self.resolution,
            "residual": self.residual,
            "last_scale": self.last_scale,
            "seed": self.seed,
        }


def make_convolution(filters, size, seed, scale=1.0, dtype=None, name=None):
    """A convolution with uniform weights in +-scale / sqrt(fan_in), as the reference's."""
    initializer = (
        keras.initializers.VarianceScaling(scale**2 / 3.0, "fan_in", "uniform", seed=seed) if scale else "zeros"
    )
    return Convolution(filters, size, padding="same", kernel_initializer=initializer, dtype=dtype, name=name)
