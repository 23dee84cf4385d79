"""VAEGAN's decoder, which is the GAN's generator."""

import keras
from keras import ops

from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.layers.transposed_convolution import TransposedConvolution
from tfgan_suite.models.vaegan.vaegan_encoder import initializer, stage_channels, stage_sizes


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEGANDecoder(MixesClasses, keras.Model):
    """A dense layer to 8x8 and transposed 5x5 convolutions, with batch normalization and ReLU; a convolution with tanh last.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_size: Integer >= 1. Length of the latents.
        base_channels: Integer >= 2. Half as many channels at the image's size, twice as many at half of it, and up to four
            times as many below.
        num_classes: Integer >= 1, or `None`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: float32 `[batch, latent_size]`.
        labels: int32 `[batch]`, a one-hot float tensor `[batch, num_classes]`, or `None`.

    Output shape:
        float32 `[batch, height, width, channels]`, images in [-1, 1].

    Example:

    >>> VAEGANDecoder((16, 16, 1), latent_size=4, base_channels=4)(np.zeros([2, 4], "float32")).shape
    TensorShape([2, 16, 16, 1])

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
        height, width = sizes[-1]
        channels = stage_channels(base_channels, len(sizes))[::-1]
        self.project = keras.layers.Dense(
            height * width * channels[0],
            use_bias=False,
            kernel_initializer=initializer(seed),
            dtype=self.dtype_policy,
            name="project",
        )
        self.unflatten = keras.layers.Reshape([height, width, channels[0]], dtype=self.dtype_policy)
        self.convolutions = [
            TransposedConvolution(
                filters,
                5,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=initializer(seed + 1 + index),
                dtype=self.dtype_policy,
                name=f"up_{index}",
            )
            for index, filters in enumerate([*channels[:-1], base_channels // 2])
        ]
        self.normalizations = [
            BatchNormalization(dtype=self.dtype_policy, name=f"normalize_{index}") for index in range(len(channels) + 1)
        ]
        self.to_image = Convolution(
            self.image_shape[-1],
            5,
            padding="same",
            kernel_initializer=keras.initializers.GlorotUniform(seed + 200),
            dtype=self.dtype_policy,
            name="to_image",
        )

    def call(self, latents, labels=None, training=False):
        if self.num_classes is not None:
            labels = ops.convert_to_tensor(labels)
            if len(labels.shape) == 1:
                labels = ops.one_hot(labels, self.num_classes)
            latents = ops.concatenate([latents, ops.cast(labels, latents.dtype)], axis=1)
        normalize, *normalizations = self.normalizations
        features = ops.relu(normalize(self.unflatten(self.project(latents)), training=training))
        for convolve, normalize in zip(self.convolutions, normalizations):
            features = ops.relu(normalize(convolve(features), training=training))
        return ops.tanh(ops.cast(self.to_image(features), "float32"))

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
