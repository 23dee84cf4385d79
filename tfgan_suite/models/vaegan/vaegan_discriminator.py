"""VAEGAN's discriminator: says how real an image is, and shows the features in which images are compared."""

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.models.vaegan.vaegan_encoder import initializer, stage_channels, stage_sizes


@keras.saving.register_keras_serializable("tfgan_suite")
class VAEGANDiscriminator(keras.Model):
    """A 5x5 convolution at the image's size, strided ones down to 8x8, a dense layer with ReLU, and one linear logit.

    All but the first have batch normalization. The features that it shows, the paper's Dis_l, are those before the last
    convolution. A conditional discriminator adds the inner product of the dense layer and a class embedding.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        base_channels: Integer >= 2. Half as many channels at the image's size, twice as many at half of it, and four times as
            many below. The dense layer has 8 times as many units.
        num_classes: Integer >= 1, or `None`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].
        labels: int32 `[batch]`, or `None`.

    Returns:
        Tuple of float32 logits `[batch, 1]` and features `[batch, ...]`.

    Example:

    >>> logits, features = VAEGANDiscriminator((16, 16, 1), base_channels=4)(np.zeros([2, 16, 16, 1], "float32"))
    >>> logits.shape, features.shape
    (TensorShape([2, 1]), TensorShape([2, 16, 16, 2]))

    Reference: Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016), table 1; the layer of the
    features is that of the authors' code. The conditional form: Miyato and Koyama, "cGANs with Projection Discriminator"
    (2018), equation 4.
    """

    def __init__(self, image_shape, base_channels=64, num_classes=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.base_channels = base_channels
        self.num_classes = num_classes
        self.seed = seed
        sizes = stage_sizes(image_shape)
        channels = [base_channels // 2, *stage_channels(base_channels, len(sizes) + 1)[1:]]
        self.convolutions = [
            Convolution(
                filters,
                5,
                strides=1 if index == 0 else 2,
                padding="same",
                use_bias=index == 0,
                kernel_initializer=initializer(seed + index),
                dtype=self.dtype_policy,
                name=f"convolution_{index}",
            )
            for index, filters in enumerate(channels)
        ]
        self.normalizations = [
            BatchNormalization(dtype=self.dtype_policy, name=f"normalize_{index}") for index in range(1, len(channels))
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(
            8 * base_channels,
            use_bias=False,
            kernel_initializer=initializer(seed + 100),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.normalize_dense = BatchNormalization(dtype=self.dtype_policy, name="normalize_dense")
        self.score = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.GlorotUniform(seed + 101), dtype="float32", name="score"
        )
        if num_classes is not None:
            self.class_vectors = keras.layers.Embedding(
                num_classes,
                8 * base_channels,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 200),
                dtype="float32",
                name="class_vectors",
            )

    def call(self, images, labels=None, training=False):
        hidden = shown = ops.relu(self.convolutions[0](images))
        for convolve, normalize in zip(self.convolutions[1:], self.normalizations):
            shown = hidden
            hidden = ops.relu(normalize(convolve(hidden), training=training))
        hidden = ops.relu(self.normalize_dense(self.dense(self.flatten(hidden)), training=training))
        hidden = ops.cast(hidden, "float32")
        logits = self.score(hidden)
        if self.num_classes is not None:
            logits += ops.sum(self.class_vectors(labels) * hidden, axis=1, keepdims=True)
        return logits, ops.cast(shown, "float32")

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "base_channels": self.base_channels,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
