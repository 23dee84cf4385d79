"""Adaptive discriminator augmentation: the pipeline, and the controller of its probability."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.augment.augmentation_pipeline import AugmentationPipeline
from tfgan_suite.engine.schedule import number_from_config, number_to_config
from tfgan_suite.foundation.microbatches import replicas_of_batch


@keras.saving.register_keras_serializable("tfgan_suite")
class AdaptiveAugmentation(keras.Layer):
    """Transforms the real and fake images that the discriminator sees, more often the more it overfits.

    With few images, a discriminator memorizes the training set, and the mean sign of its logits for real images
    approaches 1. Every `interval` updates, the probability of each transform is raised if this mean is above `target`,
    and lowered if it is below.

    Call it as `augmentation(images, seed)`, with float images of shape `[batch, height, width, channels]` in [-1, 1]
    and an int32 seed of shape `[2]`. It returns float32 images of the same shape, whatever the dtype policy; with a
    probability of 0, they are the input images. Random draws are made per example and do not depend on the number of
    replicas. The state is saved with the model.

    Args:
        transforms: String, or list of strings. Names of transforms or of sets of transforms. `"bgc"` (pixel blitting,
            geometric, color) is the paper's choice; see `AugmentationPipeline` for the others. Or a dict that maps names to the
            factor in (0, 1] of their probability.
        target: Float in (-1, 1), or `None`. Target of the mean sign of the logits for real images; `None` fixes the
            probability.
        interval: Integer >= 1. Number of updates between adjustments.
        speed_images: Number > 0. Real images it takes the probability to rise from 0 to 1 if it is raised every time.
            The paper uses 500,000 for training from scratch and 100,000 for transfer learning.
        initial_probability: Float in [0, 1]. Initial probability of each transform.
        schedule: A `Schedule` of the probability, followed instead of `target`; or `None`.

    Attributes:
        probability: Variable, a float32 scalar in [0, 1].

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> augmentation = AdaptiveAugmentation("bgc", initial_probability=0.5)
    >>> augmentation(tf.zeros([2, 16, 16, 3]), seed=tf.constant([0, 1])).shape
    TensorShape([2, 16, 16, 3])

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), section 3, r_t of
    equation 1, and appendix B.
    """

    def __init__(
        self,
        transforms="bgc",
        target=0.6,
        interval=4,
        speed_images=500_000,
        initial_probability=0.0,
        schedule=None,
        **kwargs,
    ):
        # Positions and colors need float32, regardless of the networks' compute dtype.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if target is not None and not -1.0 < target < 1.0:
            raise ValueError(f"`target` must be in (-1, 1) or None. Received: target={target}")
        if interval < 1 or interval != int(interval):
            raise ValueError(f"`interval` must be an integer >= 1. Received: interval={interval}")
        if speed_images <= 0:
            raise ValueError(f"`speed_images` must be > 0. Received: speed_images={speed_images}")
        if not 0.0 <= initial_probability <= 1.0:
            raise ValueError(
                f"`initial_probability` must be in [0, 1]. Received: initial_probability={initial_probability}"
            )
        self.transforms = transforms if isinstance(transforms, str | dict) else list(transforms)
        self.target = target
        self.interval = int(interval)
        self.speed_images = speed_images
        self.initial_probability = float(initial_probability)
        self.schedule = schedule
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
        probability = self.probability if self.schedule is None else self.schedule()
        return self.pipeline.apply(images, draws, tf.convert_to_tensor(probability))

    def compute_output_shape(self, images_shape, seed_shape=None):
        return images_shape

    def update(self, real_logits):
        """Counts the logits of one discriminator update, and adjusts the probability if it is due.

        Args:
            real_logits: A float tensor of shape `[batch]`. Logits for the real images that the discriminator was shown
                on this replica.
        """
        if self.schedule is not None:
            self.probability.assign(self.schedule())  # For the logs and for whoever reads it.
            return
        if self.target is None:
            return
        signs = tf.sign(tf.cast(real_logits, tf.float32))
        # Assigned values are averaged over the replicas, so each replica adds its share times the number of replicas.
        own = tf.stack([tf.reduce_sum(signs), tf.cast(tf.size(signs), tf.float32)])
        self.tally.assign_add(float(replicas_of_batch()) * own)
        self.updates.assign_add(1)

        # No condition here: replicas cannot synchronize inside one.
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
            "schedule": number_to_config(self.schedule),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "schedule": number_from_config(config.get("schedule"))})
