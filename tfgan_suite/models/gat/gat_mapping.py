"""GATMapping: two dense layers that learn slowly, from latents and classes to styles, or from classes to what to look for."""

import keras
import tensorflow as tf

from tfgan_suite.layers.pixel_normalization import PixelNormalization

_RATE = 0.01


@keras.saving.register_keras_serializable("tfgan_suite")
class GATMapping(keras.layers.Layer):
    """`dense(silu(dense(x)))` of a class's vector, of latents, or of both; weights are kept a hundred times as large as used.

    Args:
        size: Integer >= 1. Length of the output and of what lies between.
        latent_size: Integer >= 0. Length of the latents; 0 for none.
        num_classes: Integer >= 1, or `None`.
        class_size: Integer >= 1. Length of a class's vector.
        normalize: Boolean. Whether latents and vectors are divided by their root mean squares.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: Float `[batch, latent_size]`, or `None`.
        labels: int32 `[batch]`, float vectors `[batch, num_classes]`, or `None`.

    Output shape:
        float32 `[batch, size]`.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3; the multiplier of the learning rate: Karras et
    al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019), appendix C.
    """

    def __init__(self, size, latent_size=0, num_classes=None, class_size=64, normalize=True, seed=0, **kwargs):
        super().__init__(autocast=False, **{**kwargs, "dtype": "float32"})
        self.size = size
        self.latent_size = latent_size
        self.num_classes = num_classes
        self.class_size = class_size
        self.normalize = normalize
        self.seed = seed

        self.divide = PixelNormalization(dtype="float32")
        # Glorot's, a hundred times: what is used of it is a hundredth.
        self.dense = [
            keras.layers.Dense(
                size,
                kernel_initializer=keras.initializers.VarianceScaling(
                    _RATE**-2, mode="fan_avg", distribution="uniform", seed=seed + index
                ),
                dtype="float32",
                name=f"dense_{index}",
            )
            for index in range(2)
        ]

    def build(self, latents_shape=None, labels_shape=None):
        if self.num_classes is not None:
            self.class_vectors = self.add_weight(
                name="class_vectors",
                shape=[self.num_classes, self.class_size],
                initializer=keras.initializers.RandomNormal(stddev=0.02, seed=self.seed + 2),
            )
        self.dense[0].build([None, self.latent_size + (0 if self.num_classes is None else self.class_size)])
        self.dense[1].build([None, self.size])

    def call(self, latents=None, labels=None):
        parts = []
        if self.num_classes is not None:
            parts.append(of_classes(self.class_vectors, labels))
        if self.latent_size:
            parts.append(tf.cast(latents, tf.float32))
        features = tf.concat([self.divide(part) if self.normalize else part for part in parts], axis=1)
        return _RATE * self.dense[1](tf.nn.silu(_RATE * self.dense[0](features)))

    def compute_output_shape(self, latents_shape=None, labels_shape=None):
        return (latents_shape or labels_shape)[0], self.size

    def get_config(self):
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "size": self.size,
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "class_size": self.class_size,
            "normalize": self.normalize,
            "seed": self.seed,
        }


def of_classes(table, labels):
    """Rows of a table, float32 `[classes, size]`, for int labels `[batch]`, or mixtures of them by vectors `[batch, classes]`."""
    table, labels = tf.convert_to_tensor(table), tf.convert_to_tensor(labels)
    if labels.shape.rank == 1:
        labels = tf.one_hot(tf.cast(labels, tf.int32), table.shape[0])
    return tf.matmul(tf.cast(labels, tf.float32), table)
