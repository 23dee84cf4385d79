"""Exponential moving average of the generator's weights, which yields the network that is sampled and exported."""

import keras
import tensorflow as tf

from tfgan_suite.engine.schedule import Schedule, number_from_config, number_to_config, value_now
from tfgan_suite.foundation.number_kinds import is_number


@keras.saving.register_keras_serializable("tfgan_suite")
class ExponentialMovingAverage:
    """Moves an averaged network toward the trained one after each step.

    The decay either follows from a half-life in images, which is independent of the batch size, or is fixed:

    * With a half-life, `decay = 0.5 ** (batch_size / half_life)`. With a ramp-up, the half-life is capped at
      `rampup_ratio * images_seen`, so that early in training the average quickly forgets its random initial weights.
    * With a fixed `decay`, averaging starts at `start_step`; until then, the weights are copied.

    Trainable weights are averaged, and brought back to what Keras's constraint on them asks for. Other state is averaged too if
    `average_buffers` is true, and copied otherwise.

    Args:
        half_life_images: Float > 0, a `Schedule`, or `"auto"`. Number of images after which the contribution of old weights has
            halved. `"auto"` stands for 312.5 batches.
        rampup_ratio: Float > 0 or `None`. Caps the half-life at this fraction of the images seen so far. `None`
            disables the ramp-up.
        decay: Float in [0, 1) or `None`. Fixed decay per step, used instead of `half_life_images`.
        start_step: Integer. First step of averaging. Only used with a fixed `decay`.
        average_buffers: Boolean. Whether to also average non-trainable float state (moving means and variances).
            Averaged moments match the averaged weights better than the latest ones do.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), appendix C;
    Brock et al., "Large Scale GAN Training" (2019), appendix C (decay 0.9999, from step 20,000).
    """

    def __init__(self, half_life_images=10_000, rampup_ratio=0.05, decay=None, start_step=0, average_buffers=False):
        if decay is not None and (not is_number(decay) or not 0.0 <= decay < 1.0):
            raise ValueError(f"`decay` must be in [0, 1) or `None`. Received: decay={decay!r}")
        known = isinstance(half_life_images, Schedule) or half_life_images == "auto"
        if not known and (not is_number(half_life_images) or half_life_images <= 0):
            raise ValueError(
                f'`half_life_images` must be > 0, a `Schedule`, or "auto". Received: half_life_images={half_life_images!r}'
            )
        if rampup_ratio is not None and (not is_number(rampup_ratio) or rampup_ratio <= 0):
            raise ValueError(f"`rampup_ratio` must be > 0 or `None`. Received: rampup_ratio={rampup_ratio!r}")
        self.half_life_images = half_life_images
        self.rampup_ratio = rampup_ratio
        self.decay = decay
        self.start_step = start_step
        self.average_buffers = average_buffers

    def decay_at(self, images_seen, steps, batch_size):
        """Computes the decay of one step.

        Args:
            images_seen: Integer scalar. Number of real images seen before this step.
            steps: Integer scalar. Number of steps completed before this one.
            batch_size: Integer scalar. Number of images in this step, over all replicas.

        Returns:
            A float32 scalar tensor.
        """
        if self.decay is not None:
            return tf.where(steps < self.start_step, 0.0, tf.constant(self.decay, tf.float32))
        batch_size = tf.cast(batch_size, tf.float32)
        # "auto" is ADA's rule: 10,000 images for a batch of 32.
        if isinstance(self.half_life_images, str):
            half_life = batch_size * 312.5
        else:
            half_life = tf.maximum(
                tf.cast(value_now(self.half_life_images), tf.float32), 1e-8
            )  # A schedule may begin at 0.
        if self.rampup_ratio is not None:
            half_life = tf.minimum(half_life, self.rampup_ratio * (tf.cast(images_seen, tf.float32) + batch_size))
        return tf.pow(0.5, batch_size / half_life)

    def update(self, averaged_network, network, decay):
        """Assigns `decay * average + (1 - decay) * weight` to each weight of `averaged_network`."""
        trainable = {id(variable) for variable in network.trainable_variables}
        for average, variable in zip(averaged_network.variables, network.variables):
            value = tf.convert_to_tensor(variable)
            if id(variable) in trainable or (self.average_buffers and value.dtype.is_floating):
                average.assign_add((1.0 - tf.cast(decay, value.dtype)) * (value - tf.convert_to_tensor(average)))
            else:
                average.assign(value)
            # A mean of vectors of length 1 is shorter.
            if (constraint := getattr(average, "constraint", None)) is not None:
                average.assign(constraint(average))

    def get_config(self):
        return {
            "half_life_images": number_to_config(self.half_life_images),
            "rampup_ratio": self.rampup_ratio,
            "decay": self.decay,
            "start_step": self.start_step,
            "average_buffers": self.average_buffers,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "half_life_images": number_from_config(config["half_life_images"])})
