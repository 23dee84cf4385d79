"""VDVAE's encoder: residual blocks, and the features of every resolution."""

import keras
import tensorflow as tf

from tfgan_suite.layers.gelu import gelu
from tfgan_suite.models.vdvae.vdvae_block import VDVAEBlock, make_convolution
from tfgan_suite.models.vdvae.vdvae_layout import encoder_layout


@keras.saving.register_keras_serializable("tfgan_suite")
class VDVAEEncoder(keras.Model):
    """A convolution and residual blocks from the image's size down to one pixel.

    Args:
        image_shape: Tuple `(size, size, channels)`.
        layout: String, as for `encoder_layout`.
        width: Integer. Channels.
        widths: Dict of resolution to channels where they differ from `width`.
        bottleneck: Float. Channels within a block, as a share of its channels.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, size, size, channels]`, standardized.

    Returns:
        Dict of resolution, as a string, to the last features of that resolution, `[batch, resolution, resolution, width]`.
    """

    def __init__(self, image_shape, layout, width, widths=None, bottleneck=0.25, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.layout = layout
        self.width = width
        self.widths = {int(resolution): channels for resolution, channels in (widths or {}).items()}
        self.bottleneck = bottleneck
        self.seed = seed
        self.plan = encoder_layout(layout)
        self.first = make_convolution(self._width(image_shape[0]), 3, seed, dtype=self.dtype_policy, name="in_conv")
        self.blocks = [
            VDVAEBlock(
                int(self._width(block.resolution) * bottleneck),
                self._width(block.resolution),
                block.resolution,
                residual=True,
                last_scale=len(self.plan) ** -0.5,
                seed=seed + 10 * (index + 1),
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            for index, block in enumerate(self.plan)
        ]

    def _width(self, resolution):
        return self.widths.get(resolution, self.width)

    def call(self, images, training=False):
        features = self.first(images)
        activations = {str(self.image_shape[0]): features}
        for plan, block in zip(self.plan, self.blocks):
            features = block([gelu(features)], features)
            resolution = plan.resolution // plan.pool
            if plan.pool > 1:
                features = tf.nn.avg_pool2d(features, plan.pool, plan.pool, "VALID")
            features = with_channels(features, self._width(resolution))
            activations[str(resolution)] = features
        return activations

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "layout": self.layout,
            "width": self.width,
            "widths": {str(resolution): channels for resolution, channels in self.widths.items()},
            "bottleneck": self.bottleneck,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def with_channels(features, channels):
    """The features with that many channels: zeros are added behind, or the last ones cut off."""
    missing = channels - features.shape[-1]
    if missing <= 0:
        return features if missing == 0 else features[..., :channels]
    return tf.pad(features, [[0, 0], [0, 0], [0, 0], [0, missing]])
