"""DCGAN's discriminator: the mirror image of the generator."""

import keras
from keras import ops

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.models.dcgan.dcgan_generator import normal_initializer, stage_channels


@keras.saving.register_keras_serializable("tfgan_suite")
class DCGANDiscriminator(TakesSANHead, keras.Model):
    """Strided convolutions down to 4x4, with leaky ReLU, and batch normalization except in the first; one linear logit.

    A conditional discriminator adds the inner product of the 4x4 features and a class embedding.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is a power of two from 8 to 128.
        base_channels: Integer >= 1. Number of channels at half the image size.
        max_channels: Integer >= 1. Upper bound of the channels at small sizes.
        kernel_size: Integer >= 1. Height and width of all kernels.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, size, size, channels]`, in [-1, 1].
        labels: An int32 tensor of shape `[batch]`, or `None`.

    Output shape:
        `[batch, 1]`, float32 logits.

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
        if self.san_head is not None:
            return self.san_head(features, labels)
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
            **self.head_config(),
        }
