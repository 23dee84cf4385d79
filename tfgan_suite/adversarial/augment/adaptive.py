"""Adaptive discriminator augmentation: the pipeline, and the controller of its probability."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.augment.augmentation_pipeline import AugmentationPipeline


@keras.saving.register_keras_serializable("tfgan_suite")
class AdaptiveAugmentation(keras.Layer):
    """Shows the discriminator transformed images, real and fake, the more often the more it overfits.

    With few images a discriminator comes to know them by heart; the mean sign of its logits of real images then nears 1.
    Every `interval` updates the probability of each transform goes up if that mean is above `target`, or down if below.

    Called as `augmentation(images, seed)` with float images `[batch, height, width, channels]` in [-1, 1] and an int32
    `[2]` seed, returns float32 images of the same shape, whatever the dtype policy. At probability 0 they are those
    that came in. Random draws are per example and do not depend on the number of replicas. State is saved with the model.

    Args:
        transforms: Name of a set of transforms or of one, or a list of names. `"bgc"` (pixel blitting, geometric, color)
            is the paper's choice; see `AugmentationPipeline` for the others.
        target: Mean sign of the logits of real images that is aimed at, in (-1, 1); `None` for a fixed probability.
        interval: Updates from one adjustment to the next, >= 1.
        speed_images: Real images until the probability goes from 0 to 1 when it only goes up, > 0. The paper has 500,000
            for training from scratch and 100,000 for transfer learning.
        initial_probability: Of each transform, in [0, 1].

    Attributes:
        probability: Variable, float32 scalar in [0, 1].

    Raises:
        ValueError: An argument out of range.

    Example:

    >>> augmentation = AdaptiveAugmentation("bgc", initial_probability=0.5)
    >>> augmentation(tf.zeros([2, 16, 16, 3]), seed=tf.constant([0, 1])).shape
    TensorShape([2, 16, 16, 3])

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), section 3, r_t of
    equation 1, and appendix B.
    """

    def __init__(
        self, transforms="bgc", target=0.6, interval=4, speed_images=500_000, initial_probability=0.0, **kwargs
    ):
        # Positions and colors need float32, whatever the networks compute in.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if target is not None and not -1.0 < target < 1.0:
            raise ValueError(f"Expected target in (-1, 1) or None. Received: target={target}")
        if interval < 1 or interval != int(interval):
            raise ValueError(f"Expected interval to be a whole number of updates >= 1. Received: interval={interval}")
        if speed_images <= 0:
            raise ValueError(f"Expected speed_images > 0. Received: speed_images={speed_images}")
        if not 0.0 <= initial_probability <= 1.0:
            raise ValueError(
                f"Expected initial_probability in [0, 1]. Received: initial_probability={initial_probability}"
            )
        self.transforms = transforms if isinstance(transforms, str) else list(transforms)
        self.target = target
        self.interval = int(interval)
        self.speed_images = speed_images
        self.initial_probability = float(initial_probability)
        self.pipeline = AugmentationPipeline(transforms)

        initializer = keras.initializers.Constant(self.initial_probability)
        self.probability = self.add_weight(
            name="probability", shape=(), initializer=initializer, trainable=False, aggregation="mean"
        )
        # Sum of signs and number of images since the last adjustment, over all replicas.
        self.tally = self.add_weight(name="tally", shape=[2], initializer="zeros", trainable=False, aggregation="mean")
        self.updates = self.add_weight(
            name="updates",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def call(self, images, seed):
        draws = self.pipeline.draw(images.shape[1:], tf.shape(images)[0], seed)
        return self.pipeline.apply(images, draws, tf.convert_to_tensor(self.probability))

    def compute_output_shape(self, images_shape, seed_shape=None):
        return images_shape

    def update(self, real_logits):
        """Counts the logits of one discriminator update, and adjusts the probability if that is due.

        Args:
            real_logits: Of real images as the discriminator was shown them; float `[batch]`, this replica's own.
        """
        if self.target is None:
            return
        replica_context = tf.distribute.get_replica_context()
        num_replicas = replica_context.num_replicas_in_sync if replica_context else 1
        signs = tf.sign(tf.cast(real_logits, tf.float32))
        # What a variable is assigned is averaged over the replicas, so that each adds its part times their number.
        own = tf.stack([tf.reduce_sum(signs), tf.cast(tf.size(signs), tf.float32)])
        self.tally.assign_add(float(num_replicas) * own)
        self.updates.assign_add(1)

        # No condition here: replicas may not meet under one.
        due = tf.equal(tf.convert_to_tensor(self.updates) % self.interval, 0)
        sign_sum, num_images = tf.unstack(tf.convert_to_tensor(self.tally))
        adjustment = tf.sign(sign_sum / num_images - self.target) * num_images / self.speed_images
        probability = tf.convert_to_tensor(self.probability)
        adjusted = tf.clip_by_value(probability + adjustment, 0.0, 1.0)
        self.probability.assign(tf.where(due, adjusted, probability))
        self.tally.assign(tf.where(due, 0.0, tf.convert_to_tensor(self.tally)))

    def get_config(self):
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "transforms": self.transforms,
            "target": self.target,
            "interval": self.interval,
            "speed_images": self.speed_images,
            "initial_probability": self.initial_probability,
        }
