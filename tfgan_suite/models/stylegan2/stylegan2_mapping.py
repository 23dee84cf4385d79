"""StyleGAN2's mapping network, from latents and labels to the intermediate latent space W."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.microbatches import microbatch
from tfgan_suite.layers.equalized_dense import EqualizedDense
from tfgan_suite.layers.pixel_normalization import PixelNormalization


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleGAN2Mapping(keras.layers.Layer):
    """Dense layers with leaky ReLU on normalized latents, concatenated with a normalized embedding of the label.

    Args:
        latent_size: Integer >= 0. Length of the latents; 0 for the discriminator's mapping of labels only.
        w_size: Integer >= 1. Length of the output and of all layers.
        num_layers: Integer >= 1. Number of dense layers.
        label_size: Integer >= 1, or `None`. Length of the label vectors.
        learning_rate_multiplier: Float. Multiplier for the dense layers, not for the embedding.
        track_average: Boolean. Whether to track a moving average of the outputs, the center of truncation.
        average_decay: Float in [0, 1). Decay of that average per update.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`, or `None`.
        labels: A float32 tensor of shape `[batch, label_size]`, or `None`.

    Output shape:
        `[batch, w_size]`, float32.

    Attributes:
        w_average: float32 `[w_size]`, not trained.
        class_averages: float32 array `[label_size, w_size]`, or `None`. If set, truncation moves styles toward the
            center of their own class. The averages are state: they are saved, restored, and exported with the weights.
            In an averaged generator, the next training step clears them, since it changes the styles that they are
            means of.

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
            raise ValueError("`latent_size` or `label_size` must be >= 1. Received: latent_size=0, label_size=None")
        if num_layers < 1:
            raise ValueError(f"`num_layers` must be >= 1. Received: num_layers={num_layers}")
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
            # Averaged over replicas, since each of them sees its own share of the batch.
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
            # 1 if truncation moves toward the class centers, 0 if toward the overall average.
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
                "`class_averages` can be set only in a mapping with labels and a tracked average. "
                f"Received: label_size={self.label_size}, track_average={self.track_average}"
            )
        if not self.built:
            self.build()
        if averages is not None:
            averages = np.asarray(averages, np.float32)
            if averages.shape != (self.label_size, self.w_size) or not np.isfinite(averages).all():
                raise ValueError(
                    f"`class_averages` must be finite and have shape {(self.label_size, self.w_size)}. Received: shape "
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
        """Moves `w_average` toward the mean of `ws`, float32 `[..., w_size]`."""
        mean = tf.reduce_mean(tf.reshape(tf.cast(ws, tf.float32), [-1, self.w_size]), axis=0)
        average = tf.convert_to_tensor(self.w_average)
        # Once per batch: the first of n microbatches decays the average, and each one adds its n-th share.
        index, count = microbatch()
        decayed = tf.where(tf.equal(index, 0), average, 0.0)
        self.w_average.assign(average + (mean / tf.cast(count, tf.float32) - decayed) * (1.0 - self.average_decay))

    def truncation_centre(self, labels=None):
        """Returns the center, float32 `[1, w_size]`, or one per label, `[batch, w_size]`, if class averages are set."""
        average = tf.convert_to_tensor(self.w_average)[None]
        if labels is None or not self._has_classes:
            return average
        # The choice is part of the graph, so graphs traced or exported before the averages are set respect them too.
        centers = tf.matmul(labels, tf.convert_to_tensor(self.class_centres))
        return tf.where(tf.convert_to_tensor(self.class_centres_are_set) > 0.0, centers, average)

    def load_own_variables(self, store):
        """Loads models saved before `class_averages` became state: they have none, so the averages stay unset."""
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
