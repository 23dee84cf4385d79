"""What every model of the suite can do: generate images from a seed, and come from a preset."""

import copy

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.randomness import categorical, fold
from tfgan_suite.specs.image_range import to_uint8


class GenerativeModel(keras.Model):
    """Base of all models: latents (and labels) in, images out.

    A subclass sets the four attributes, implements `sample_latents` and `call`, and names its presets. Both get the
    truncation: a model that truncates its latents does it when it draws them, one with another space inside in `call`.

    Attributes:
        image_shape: `(height, width, channels)`.
        num_classes: Number of classes, or `None` for an unconditional model.
        label_weights: Relative frequency of each class in generated labels, or `None` for all alike.
        latent_size: Length of a latent vector.
        presets: Dict of preset name to a dict with
            `description`, `reference`, `expected`: texts;
            `config`: constructor arguments;
            `training`: what `tfgan_suite.train` takes unless told otherwise (`batch_size`, `total_images`, and
            `conditional` if it is to be without the data's classes);
            `compile`: if there, a function of the model to the `compile` arguments that differ from its own.
    """

    image_shape = None
    num_classes = None
    label_weights = None
    latent_size = None
    presets = {}
    _preset = None

    def sample_latents(self, batch_size, seed, truncation=1.0):
        """Draws float32 latents `[batch_size, latent_size]`. `seed` is int32 `[2]`, `truncation` a scalar in [0, 1]."""
        raise NotImplementedError

    def call(self, latents, labels=None, training=False, truncation=1.0):
        """Images float32 `[batch, height, width, channels]`; `truncation` is a scalar or one number an image."""
        raise NotImplementedError

    def sample_labels(self, batch_size, seed):
        """Draws int32 labels `[batch_size]` by `label_weights`, or `None` for an unconditional model."""
        if self.num_classes is None:
            return None
        return categorical(self.label_weights or [1.0] * self.num_classes, batch_size, seed)

    def training_phases(self, total_images=None, batch_size=None):
        """The stretches in which `tfgan_suite.train` trains, a list of `TrainingPhase`; `None` for a single one.

        For a model whose training changes on the way, such as one that grows. `total_images` and `batch_size` are
        what the run was asked for, `None` if it was not.
        """
        return None

    def begin_phase(self, phase):
        """Called before each `fit` of a phase, on a compiled model, after a restart as well. Most have nothing to do."""

    def generate_images(self, count, seed, labels=None, truncation=1.0):
        """Generates images inside a graph: what `generate`, the callbacks and the exported model all call.

        Image i depends on `seed`, i, its label and `truncation` only, not on `count`.

        Args:
            count: Number of images, int or int32 scalar.
            seed: Int or integer scalar.
            labels: int32 `[count]`, or `None` to draw them.
            truncation: Float scalar in [0, 1].

        Returns:
            uint8 `[count, height, width, channels]`.
        """
        latents = self.sample_latents(count, fold(seed, "generate", "latents"), truncation)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        return to_uint8(self(latents, labels, training=False, truncation=truncation))

    def generate(self, count, labels=None, truncation=1.0, seed=0, batch_size=64):
        """Generates images as a NumPy array, in batches.

        Args:
            count: Number of images, >= 1.
            labels: For a conditional model: integers `[count]`, one integer for all, or `None` to draw them.
            truncation: In [0, 1]; 1 is the whole variety, less is nearer to the average picture.
            seed: The same seed gives the same images; the first images of a longer row are those of a shorter one.
            batch_size: Images made at a time; bounds memory and changes nothing else.

        Returns:
            uint8 `[count, height, width, channels]`.

        Raises:
            UserError: Labels for an unconditional model, out of range, or not `count` of them.

        Example:

        >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
        >>> gan.generate(2, seed=1).shape
        (2, 32, 32, 1)
        """
        if count < 1:
            raise UserError(f"Expected count >= 1. Received: count={count}")
        if not 0.0 <= truncation <= 1.0:
            raise UserError(f"Expected truncation in [0, 1]. Received: truncation={truncation}")
        labels = self._checked_labels(labels, count)
        latents = self.sample_latents(count, fold(seed, "generate", "latents"), truncation)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        images = [
            self._generate_batch(
                latents[i : i + batch_size],
                None if labels is None else labels[i : i + batch_size],
                tf.constant(truncation, tf.float32),
            )
            for i in range(0, count, batch_size)
        ]
        return np.concatenate([batch.numpy() for batch in images])

    def _generate_batch(self, latents, labels, truncation):
        batch = [latents] if labels is None else [latents, labels]
        if getattr(self, "_generate_function", None) is None:

            def generate(truncation, latents, labels=None):
                return to_uint8(self(latents, labels, training=False, truncation=truncation))

            # One graph for batches of any size. Kept out of Keras's attribute tracking: a function is no state.
            batches = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in batch]
            signature = [tf.TensorSpec([], tf.float32), *batches]
            function = tf.function(generate, input_signature=signature, autograph=False)
            object.__setattr__(self, "_generate_function", function)
        return self._generate_function(truncation, *batch)

    def _checked_labels(self, labels, count):
        if labels is None:
            return None
        if self.num_classes is None:
            raise UserError("This model is unconditional: expected labels=None. Received labels; leave them out.")
        labels = np.asarray(labels)
        if labels.ndim == 0:
            labels = np.full([count], labels)
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise UserError(
                f"Expected {count} integer labels, one for each image. Received: shape={labels.shape}, dtype={labels.dtype}"
            )
        if labels.size and (labels.min() < 0 or labels.max() >= self.num_classes):
            raise UserError(
                f"Expected labels from 0 to {self.num_classes - 1}. Received: {labels.min()} to {labels.max()}"
            )
        return tf.constant(labels, tf.int32)

    @classmethod
    def from_preset(cls, preset, **overrides):
        """Makes an untrained model with a preset's architecture, whose `compile()` takes the preset's choices.

        Args:
            preset: A name out of `cls.presets`.
            **overrides: Constructor arguments that replace the preset's, such as `image_shape`.

        Raises:
            UserError: There is no such preset; the nearest name is told.

        Example:

        >>> gan = DCGAN.from_preset("dcgan_digits_32", num_classes=None)
        """
        if preset not in cls.presets:
            raise unknown_name(f"{cls.__name__} preset", preset, cls.presets)
        model = cls(**{**copy.deepcopy(cls.presets[preset]["config"]), **overrides})
        model._preset = preset
        return model

    def preset_training(self):
        """The `compile` arguments of the preset that the model was made from; none for another model."""
        make_choices = self.presets[self._preset].get("compile") if self._preset else None
        return make_choices(self) if make_choices else {}
