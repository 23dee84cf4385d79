"""How far a reconstruction is from its image: losses for `compile` of models that reconstruct."""

import keras
import tensorflow as tf

from tfgan_suite.engine.schedule import Schedule, number_from_config, number_to_config, value_now
from tfgan_suite.foundation.number_kinds import is_number


class ReconstructionLoss:
    """Base: `weight * distance(images, reconstructions)`, float32 `[batch]`.

    Args:
        weight: Float >= 0, or a `Schedule`.

    Attributes:
        name: String. It is logged as `loss/<name>`.
    """

    name = None

    def __init__(self, weight=1.0):
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(f"`weight` must be >= 0 or a `Schedule`. Received: weight={weight!r}")
        self.weight = weight

    def __call__(self, images, reconstructions):
        return value_now(self.weight) * self.distance(images, reconstructions)

    def distance(self, images, reconstructions):
        """Float32 `[batch]`, of float32 `[batch, height, width, channels]` in [-1, 1]."""
        raise NotImplementedError

    def get_config(self):
        return {"weight": number_to_config(self.weight)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "weight": number_from_config(config["weight"])})


@keras.saving.register_keras_serializable("tfgan_suite")
class SquaredError(ReconstructionLoss):
    """L2: the mean over pixels and channels of the squared difference.

    Example:

    >>> SquaredError()(tf.ones([1, 2, 2, 1]), tf.zeros([1, 2, 2, 1])).numpy().tolist()
    [1.0]
    """

    name = "squared_error"

    def distance(self, images, reconstructions):
        return tf.reduce_mean(tf.math.squared_difference(images, reconstructions), axis=[1, 2, 3])


@keras.saving.register_keras_serializable("tfgan_suite")
class AbsoluteError(ReconstructionLoss):
    """L1: the mean over pixels and channels of the absolute difference. Sharper than the squared one."""

    name = "absolute_error"

    def distance(self, images, reconstructions):
        return tf.reduce_mean(tf.abs(images - reconstructions), axis=[1, 2, 3])


@keras.saving.register_keras_serializable("tfgan_suite")
class Perceptual(ReconstructionLoss):
    """A distance that a network sees, such as LPIPS.

    Args:
        distance: A differentiable function from two batches of images to float32 `[batch]`: `tg.metrics.LPIPS()`, or an object of
            your own. To save the model it must be known to Keras (`register_keras_serializable`, `get_config`).
        weight: Float >= 0, or a `Schedule`.

    Example:

    >>> Perceptual(lambda a, b: tf.reduce_max(tf.abs(a - b), axis=[1, 2, 3]), 0.5)(tf.ones([1, 2, 2, 1]), tf.zeros([1, 2, 2, 1]))
    <tf.Tensor: shape=(1,), dtype=float32, numpy=array([0.5], dtype=float32)>

    Reference: Esser et al., "Taming Transformers for High-Resolution Image Synthesis" (2021), section 3.1.
    """

    name = "perceptual"

    def __init__(self, distance, weight=1.0):
        super().__init__(weight)
        if not callable(distance):
            raise ValueError(
                f"`distance` must be a function of two batches, such as tg.metrics.LPIPS(). Received: {distance!r}"
            )
        self.measure = distance

    def distance(self, images, reconstructions):
        return self.measure(images, reconstructions)

    def get_config(self):
        return {**super().get_config(), "distance": keras.saving.serialize_keras_object(self.measure)}

    @classmethod
    def from_config(cls, config):
        measure = config["distance"]
        measure = keras.saving.deserialize_keras_object(measure) if isinstance(measure, dict) else measure
        return cls(measure, number_from_config(config["weight"]))


@keras.saving.register_keras_serializable("tfgan_suite")
class Adversarial:
    """The GAN term of a model that reconstructs: its discriminator tells images from reconstructions.

    Args:
        loss: An adversarial loss, such as `tg.losses.Hinge()`.
        weight: Float >= 0, or a `Schedule`. `LinearSchedule(0.0, 0.1, examples)` lets the discriminator, which is trained from the
            first step on, learn before it is listened to.

    Reference: Esser et al., "Taming Transformers for High-Resolution Image Synthesis" (2021), equations 5 to 7, without the
    weight of equation 7 that follows gradients.
    """

    def __init__(self, loss, weight=0.1):
        if not hasattr(loss, "generator_loss"):
            raise ValueError(f"`loss` must be an adversarial loss, such as tg.losses.Hinge(). Received: loss={loss!r}")
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(f"`weight` must be >= 0 or a `Schedule`. Received: weight={weight!r}")
        self.loss = loss
        self.weight = weight

    def reconstruction_loss(self, logits, real_logits):
        """What the model that reconstructs minimizes, float32 like the logits `[batch]` or `[batch, ...]`, one a patch."""
        return value_now(self.weight) * _mean_of_patches(self.loss.generator_loss(logits, real_logits))

    def discriminator_loss(self, real_logits, logits):
        """What the discriminator minimizes, float32 `[batch]`."""
        return _mean_of_patches(self.loss.discriminator_loss(real_logits, logits))

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss), "weight": number_to_config(self.weight)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]), number_from_config(config["weight"]))


def _mean_of_patches(values):
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)
