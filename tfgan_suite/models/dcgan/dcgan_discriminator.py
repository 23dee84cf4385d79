"""DCGAN's discriminator: the generator's mirror image."""

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.models.dcgan.dcgan_generator import normal_initializer, stage_channels


@keras.saving.register_keras_serializable("tfgan_suite")
class DCGANDiscriminator(keras.Model):
    """Strided convolutions down to 4x4, leaky ReLU, batch normalisation in all but the first; one linear logit.

    A conditional discriminator adds the inner product of the 4x4 features with a vector of the class.

    Args:
        image_shape: `(size, size, channels)`, size a power of two from 8 to 128.
        base_channels: Channels at half the image's size.
        max_channels: Bound on the channels at small sizes.
        kernel_size: Of every convolution.
        num_classes: Number of classes, or `None`.
        seed: Of the initial weights.

    Call: images float32 `[batch, size, size, channels]` in [-1, 1], labels int32 `[batch]` or `None`, to logits
    float32 `[batch, 1]`.

    Example:

    >>> DCGANDiscriminator((32, 32, 1), base_channels=4)(np.zeros([2, 32, 32, 1], "float32")).shape
    TensorShape([2, 1])

    Reference: Radford et al., "Unsupervised Representation Learning with DCGANs" (2016), section 3. The conditional
    form: Miyato and Koyama, "cGANs with Projection Discriminator" (2018), equation 4.
    """

    def __init__(
        self, image_shape, base_channels=128, max_channels=1024, kernel_size=5, num_classes=None, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.base_channels = base_channels
        self.max_channels = max_channels
        self.kernel_size = kernel_size
        self.num_classes = num_classes
        self.seed = seed

        channels = stage_channels(self.image_shape, base_channels, max_channels)[::-1]
        self.convolutions = [
            Convolution(
                filters,
                kernel_size,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=normal_initializer(seed + 1 + i),
                dtype=self.dtype_policy,
                name=f"down_from_{self.image_shape[0] // 2**i}",
            )
            for i, filters in enumerate(channels)
        ]
        self.normalizations = [
            BatchNormalization(
                gamma_initializer=normal_initializer(seed + 100 + i, mean=1.0),
                dtype=self.dtype_policy,
                name=f"normalize_{self.image_shape[0] // 2 ** (i + 1)}",
            )
            for i in range(1, len(channels))
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.score = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=normal_initializer(seed), dtype=self.dtype_policy, name="score"
        )
        if num_classes is not None:
            self.class_vectors = keras.layers.Embedding(
                num_classes,
                4 * 4 * channels[-1],
                embeddings_initializer=normal_initializer(seed + 200),
                dtype=self.dtype_policy,
                name="class_vectors",
            )

    def call(self, images, labels=None, training=False):
        features = ops.leaky_relu(self.convolutions[0](images), 0.2)
        for convolve, normalize in zip(self.convolutions[1:], self.normalizations):
            features = ops.leaky_relu(normalize(convolve(features), training=training), 0.2)
        features = self.flatten(features)  # [batch, 4 * 4 * channels]
        logits = ops.cast(self.score(features), "float32")  # [batch, 1]
        if self.num_classes is not None:
            products = ops.cast(self.class_vectors(labels), "float32") * ops.cast(features, "float32")
            logits += ops.sum(products, axis=1, keepdims=True)
        return logits

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "base_channels": self.base_channels,
            "max_channels": self.max_channels,
            "kernel_size": self.kernel_size,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
