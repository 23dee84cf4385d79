"""VQVAE's discriminator, of patches."""

import keras
from keras import ops

from tfgan_suite.models.vqvae.vqvae_encoder import convolution


@keras.saving.register_keras_serializable("tfgan_suite")
class VQVAEDiscriminator(keras.Model):
    """Strided 4x4 convolutions with leaky ReLU: a logit for each patch, which sees only its surroundings.

    Args:
        channels: Integer >= 1. Channels after the first convolution; doubled by each one after.
        halvings: Integer >= 1. How many of them.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].

    Output shape:
        float32 `[batch, height / 2^halvings, width / 2^halvings]`.

    Reference: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017), section 3.2.2, without
    normalization, which would make a patch depend on other images.
    """

    def __init__(self, channels=64, halvings=3, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.halvings = halvings
        self.seed = seed
        self.convolutions = [
            convolution(channels * 2**index, 4, 2, seed + index, self.dtype_policy, f"down_{index}")
            for index in range(halvings)
        ]
        self.to_logits = convolution(1, 3, 1, seed + 100, "float32", "logits")

    def call(self, images, training=False):
        features = images
        for convolve in self.convolutions:
            features = ops.leaky_relu(convolve(features), 0.2)
        return ops.squeeze(self.to_logits(ops.cast(features, "float32")), axis=-1)

    def get_config(self):
        return {
            "name": self.name,
            "channels": self.channels,
            "halvings": self.halvings,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
