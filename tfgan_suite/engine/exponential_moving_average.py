"""Exponential moving average of the generator's weights, the network that is sampled and exported."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class ExponentialMovingAverage:
    """Moves an averaged network towards the trained one after each step.

    Either a half-life in images, which does not depend on the batch size, or a fixed decay per step:

    * `decay = 0.5 ** (batch_size / half_life)`, where with a ramp-up the half-life is at most
      `rampup_ratio * images_seen`: early on the average forgets the noise it began with.
    * `decay` as given from `start_step` on; a plain copy until then.

    Trainable weights are averaged. Other state is averaged too if `average_buffers`, or else copied.

    Args:
        half_life_images: Images after which an old weight counts half, > 0, or `"auto"` for 312.5 batches.
        rampup_ratio: Share of the images seen that bounds the half-life, > 0, or `None` for no ramp-up.
        decay: Fixed decay per step in [0, 1), instead of `half_life_images`.
        start_step: First step of averaging with a fixed `decay`.
        average_buffers: Whether float state that is not trained (moving means and variances) is averaged as well. The
            moments then match the averaged weights better than the latest ones do.

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), appendix C;
    Brock et al., "Large Scale GAN Training" (2019), appendix C (decay 0.9999, from step 20,000).
    """

    def __init__(self, half_life_images=10_000, rampup_ratio=0.05, decay=None, start_step=0, average_buffers=False):
        if decay is not None and not 0.0 <= decay < 1.0:
            raise ValueError(f"Expected decay in [0, 1). Received: decay={decay}")
        if half_life_images != "auto" and half_life_images <= 0:
            raise ValueError(f"Expected half_life_images > 0. Received: half_life_images={half_life_images}")
        if rampup_ratio is not None and rampup_ratio <= 0:
            raise ValueError(f"Expected rampup_ratio > 0 or None. Received: rampup_ratio={rampup_ratio}")
        self.half_life_images = half_life_images
        self.rampup_ratio = rampup_ratio
        self.decay = decay
        self.start_step = start_step
        self.average_buffers = average_buffers

    def decay_at(self, images_seen, steps, batch_size):
        """The decay of one step, float32 scalar.

        Args:
            images_seen: Real images seen before this step, integer scalar.
            steps: Steps done before this one, integer scalar.
            batch_size: Images of this step over all replicas, integer scalar.
        """
        if self.decay is not None:
            return tf.where(steps < self.start_step, 0.0, tf.constant(self.decay, tf.float32))
        batch_size = tf.cast(batch_size, tf.float32)
        # "auto": ADA's rule, 10,000 images for a batch of 32.
        half_life = batch_size * 312.5 if self.half_life_images == "auto" else float(self.half_life_images)
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

    def get_config(self):
        return {
            "half_life_images": self.half_life_images,
            "rampup_ratio": self.rampup_ratio,
            "decay": self.decay,
            "start_step": self.start_step,
            "average_buffers": self.average_buffers,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
