"""R3GANBlock: the residual block of both of R3GAN's networks."""

import math

import keras
from keras import ops

from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.models.r3gan.r3gan_stages import scaled_normal

_SLOPE = 0.2


@keras.saving.register_keras_serializable("tfgan_suite")
class R3GANBlock(keras.Layer):
    """An inverted bottleneck without normalization: 1x1, grouped 3x3, 1x1, added to the input.

    The only biases are the two before the nonlinearities. The last convolution begins at zero, so that a block begins as the
    identity.

    Args:
        width: Integer. Channels of the input and the output.
        groups: Integer. Groups of the 3x3 convolution.
        expansion: Integer. How many times as many channels there are between the 1x1 convolutions.
        blocks_in_network: Integer. Blocks of the whole network; the more, the smaller the initial weights.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        features: Float tensor `[batch, height, width, width]`.

    Output shape:
        As the input.

    Reference: Huang et al., "The GAN is dead; long live the GAN!" (2024), section 3.2 and figure 3; the initialization: Zhang
    et al., "Fixup Initialization" (2019).
    """

    def __init__(self, width, groups, expansion=2, blocks_in_network=1, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.groups = groups
        self.expansion = expansion
        self.blocks_in_network = blocks_in_network
        self.seed = seed

        inner = expansion * width
        gain = math.sqrt(2.0 / (1.0 + _SLOPE**2)) * blocks_in_network**-0.25

        def convolution(filters, size, initializer, name, groups=1):
            return Convolution(
                filters,
                size,
                padding="same",
                groups=groups,
                use_bias=False,
                kernel_initializer=initializer,
                dtype=self.dtype_policy,
                name=name,
            )

        self.expand = convolution(inner, 1, scaled_normal(width, seed, gain), "expand")
        self.mix = convolution(inner, 3, scaled_normal(9 * inner // groups, seed + 1, gain), "mix", groups)
        self.reduce = convolution(width, 1, "zeros", "reduce")
        self.mix_bias = self.add_weight(name="mix_bias", shape=[inner], initializer="zeros")
        self.reduce_bias = self.add_weight(name="reduce_bias", shape=[inner], initializer="zeros")

    def build(self, shape):
        inner = (None, None, None, self.expansion * self.width)
        self.expand.build((None, None, None, self.width))
        self.mix.build(inner)
        self.reduce.build(inner)

    def call(self, features):
        inner = ops.leaky_relu(self.expand(features) + ops.cast(self.mix_bias, self.compute_dtype), _SLOPE)
        inner = ops.leaky_relu(self.mix(inner) + ops.cast(self.reduce_bias, self.compute_dtype), _SLOPE)
        return features + self.reduce(inner)

    def get_config(self):
        return {
            "name": self.name,
            "width": self.width,
            "groups": self.groups,
            "expansion": self.expansion,
            "blocks_in_network": self.blocks_in_network,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def make_blocks(stages, expansion, seed, dtype):
    """The blocks of a network, a list for each of its stages."""
    blocks_in_network = sum(stage.blocks for stage in stages)
    return [
        [
            R3GANBlock(
                stage.width,
                stage.groups,
                expansion,
                blocks_in_network,
                seed=seed + 1000 * stage.size + 10 * index,
                dtype=dtype,
                name=f"block_{stage.size}_{index}",
            )
            for index in range(stage.blocks)
        ]
        for stage in stages
    ]
