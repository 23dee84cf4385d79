"""StyleGAN2's mapping network: latents and labels to the intermediate latent space W."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.microbatches import microbatch
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.pixel_normalization import PixelNormalization


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleGAN2Mapping(keras.layers.Layer):
    """Normalised latents, beside them a normalised embedding of the label, through dense layers with leaky ReLU.

    Args:
        latent_size: Length of the latents; 0 for the discriminator's mapping of labels alone.
        w_size: Length of the result and of everything between.
        num_layers: Number of dense layers.
        label_size: Length of the label vectors, or `None`.
        learning_rate_multiplier: Of the dense layers, not of the embedding.
        track_average: Whether there is a moving average of the results, the centre of truncation.
        average_decay: Of that average, per update.
        seed: Of the initial weights.

    Call: latents float32 `[batch, latent_size]` or `None`, labels float32 `[batch, label_size]` or `None`, to float32
    `[batch, w_size]`.

    Attributes:
        w_average: float32 `[w_size]`, not trained.
        class_averages: float32 array `[label_size, w_size]` or `None`. If set, truncation goes towards the class's own
            centre. They are state: saved, restored and exported with the weights. Those of an averaged generator go
            with the next step of training, which moves the styles that they are means of.

    Example:

    >>> StyleGAN2Mapping(8, w_size=16)(np.ones([2, 8], "float32")).shape
    TensorShape([2, 16])

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019), section
    2 and appendix B (truncation); with labels: "Training Generative Adversarial Networks with Limited Data" (2020),
    appendix D.1.
    """

    def __init__(
        self,
        latent_size,
        w_size=512,
        num_layers=8,
        label_size=None,
        learning_rate_multiplier=0.01,
        track_average=True,
        average_decay=0.995,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if not latent_size and not label_size:
            raise ValueError("Expected latents or labels to map. Received: latent_size=0, label_size=None")
        if num_layers < 1:
            raise ValueError(f"Expected num_layers >= 1. Received: num_layers={num_layers}")
        self.latent_size = latent_size
        self.w_size = w_size
        self.num_layers = num_layers
        self.label_size = label_size
        self.learning_rate_multiplier = learning_rate_multiplier
        self.track_average = track_average
        self.average_decay = average_decay
        self.seed = seed

        self.normalize = PixelNormalization(dtype="float32")
        if label_size:
            self.embedding = EqualizedDense(w_size, seed=seed + num_layers, dtype="float32", name="embedding")
        self.dense = [
            EqualizedDense(
                w_size,
                learning_rate_multiplier=learning_rate_multiplier,
                activation="leaky_relu",
                activation_gain=2.0**0.5,
                seed=seed + index,
                dtype="float32",
                name=f"dense_{index}",
            )
            for index in range(num_layers)
        ]

    def build(self, latents_shape=None, labels_shape=None):
        size = self.latent_size
        if self.label_size:
            self.embedding.build([None, self.label_size])
            size += self.w_size
        for dense in self.dense:
            dense.build([None, size])
            size = self.w_size
        if self.track_average:
            # A mean over replicas: each sees its own share of the batch.
            self.w_average = self.add_weight(
                name="w_average",
                autocast=False,
                shape=[self.w_size],
                initializer="zeros",
                trainable=False,
                aggregation="mean",
            )
        if self._has_classes:
            self.class_centres = self._make_state("class_centres", [self.label_size, self.w_size])
            # 1 where truncation goes towards the centres, 0 where towards the average of all.
            self.class_centres_are_set = self._make_state("class_centres_are_set", [])

    def _make_state(self, name, shape):
        options = {"initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        return self.add_weight(name=name, shape=shape, autocast=False, **options)

    @property
    def _has_classes(self):
        return bool(self.track_average and self.label_size)

    @property
    def class_averages(self):
        if not self._has_classes or not self.built or not float(np.asarray(self.class_centres_are_set)):
            return None
        return np.asarray(self.class_centres)

    @class_averages.setter
    def class_averages(self, averages):
        if not self._has_classes:
            raise ValueError(
                "Expected a mapping with labels and an average to set class_averages. Received one without."
            )
        if not self.built:
            self.build()
        if averages is not None:
            averages = np.asarray(averages, np.float32)
            if averages.shape != (self.label_size, self.w_size) or not np.isfinite(averages).all():
                raise ValueError(
                    f"Expected finite class_averages of shape {(self.label_size, self.w_size)}. Received: shape "
                    f"{averages.shape}, finite: {bool(np.isfinite(averages).all())}"
                )
            self.class_centres.assign(averages)
        self.class_centres_are_set.assign(0.0 if averages is None else 1.0)

    def call(self, latents, labels=None):
        features = []
        if self.latent_size:
            features.append(self.normalize(latents))
        if self.label_size:
            features.append(self.normalize(self.embedding(labels)))
        features = tf.concat(features, axis=1)  # [batch, latent_size + w_size]
        for dense in self.dense:
            features = dense(features)
        return features

    def update_average(self, ws):
        """Moves `w_average` towards the mean of `ws`, float32 `[..., w_size]`."""
        mean = tf.reduce_mean(tf.reshape(tf.cast(ws, tf.float32), [-1, self.w_size]), axis=0)
        average = tf.convert_to_tensor(self.w_average)
        # Once a batch: the first of n microbatches decays the average, and each adds its n-th.
        index, count = microbatch()
        decayed = tf.where(tf.equal(index, 0), average, 0.0)
        self.w_average.assign(average + (mean / tf.cast(count, tf.float32) - decayed) * (1.0 - self.average_decay))

    def truncation_centre(self, labels=None):
        """float32 `[1, w_size]`, or with labels `[batch, w_size]`, of each label's class if `class_averages` are set."""
        average = tf.convert_to_tensor(self.w_average)[None]
        if labels is None or not self._has_classes:
            return average
        # A choice inside the graph: what was traced or exported before they were set heeds them too.
        centres = tf.matmul(labels, tf.convert_to_tensor(self.class_centres))
        return tf.where(tf.convert_to_tensor(self.class_centres_are_set) > 0.0, centres, average)

    def load_own_variables(self, store):
        """Models saved before `class_averages` were state have none: they stay unset."""
        if self._has_classes and set(store.keys()) == {"0"}:
            store = {"0": store["0"], "1": np.zeros(self.class_centres.shape, np.float32), "2": np.float32(0.0)}
        super().load_own_variables(store)

    def compute_output_shape(self, latents_shape, labels_shape=None):
        return (latents_shape or labels_shape)[0], self.w_size

    def get_config(self):
        return {
            **super().get_config(),
            "latent_size": self.latent_size,
            "w_size": self.w_size,
            "num_layers": self.num_layers,
            "label_size": self.label_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "track_average": self.track_average,
            "average_decay": self.average_decay,
            "seed": self.seed,
        }
