"""A generator's W space: maps latents to styles and styles to images, in batches and compiled."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation import randomness
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.generative.abilities import HasStyles
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_range import to_uint8

# Styles of 4x4 and 8x8, of 16x16 and 32x32, and of all higher resolutions (StyleGAN, section 3.1), two per resolution.
STYLE_RANGES = {"coarse": range(0, 4), "middle": range(4, 8), "fine": range(8, 1000)}


def has_style_space(model):
    """Whether a model's generator, or a generator, consists of a mapping to styles and a synthesis from styles."""
    return model.can(HasStyles) if isinstance(model, GenerativeModel) else isinstance(model, HasStyles)


def labels_in_turn(model, labels, count):
    """Assigns classes to `count` images by repeating a list of labels.

    Args:
        model: A model or a `StyleSpace`.
        labels: List of integers or names of classes, `None`, or `"all"`. Labels to repeat. `None` and `"all"` select all
            classes. For a model without classes, it must be `None`.
        count: Integer. Number of images.

    Returns:
        Int32 array `[count]`, or `None` for a model without classes.

    Raises:
        UserError: If a label is out of range, or labels are given for a model without classes.
    """
    if model.num_classes is None:
        if labels is not None:
            raise UserError(f"`labels` must be `None`, because this model has no classes. Received: labels={labels}")
        return None
    every = labels is None or isinstance(labels, str) and labels == "all"
    labels = np.arange(model.num_classes, dtype=np.int32) if every else model.condition.class_indices(labels)
    return np.resize(labels, [count])


def num_given(model, labels):
    """How many labels a list has; all classes' (1 for a model without) for `None` and `"all"`."""
    if labels is None or isinstance(labels, str) and labels == "all":
        return model.num_classes or 1
    return np.size(labels)


class StyleSpace:
    """The style space of a style-based generator: W, with one vector per image, or W+, with one vector per layer.

    Styles are float32 arrays `ws` of shape `[batch, num_ws, w_size]`. In W, all layers of an image have the same
    vector.

    Args:
        model: A model whose generator has `map` and `synthesize` (StyleGAN2), or such a generator. For a model, its
            averaged generator is used.
        batch_size: Integer. Number of images to generate at a time. Bounds memory and affects nothing else.

    Attributes:
        generator: The generator.
        latent_size: Integer. Size of a latent vector.
        num_ws: Integer. Number of styles per image.
        w_size: Integer. Size of a style vector.
        num_classes: Integer or `None`. Number of classes. `None` for an unconditional generator.
        image_shape: Tuple `(height, width, channels)`.

    Raises:
        UserError: If the model has no W space.

    Example:

    >>> space = StyleSpace(load_model("runs/avatars"))
    >>> ws = space.sample(4, seed=1, truncation=0.7)
    >>> space.synthesize(ws).shape
    (4, 64, 64, 3)
    """

    def __init__(self, model, batch_size=16):
        if not has_style_space(model):
            raise UserError(
                f"`model` must have a W space, but {type(model).__name__} has no W space. Use a StyleGAN2, from a run, "
                "a .keras file, or a converted checkpoint."
            )
        is_model = isinstance(model, GenerativeModel)
        self.generator = generator = model.latent_network if is_model else model
        self.batch_size = batch_size
        self.latent_size = generator.latent_size
        self.num_ws = generator.num_ws
        self.w_size = generator.w_size
        self.num_classes, self.label_size = generator.num_classes, generator.label_size
        self.image_shape = tuple(generator.image_shape)
        self.condition = model.condition if is_model else Condition.of_classes(self.num_classes)
        self._label_weights = model.label_weights if is_model else None
        self._map = tf.function(generator.map, autograph=False, reduce_retracing=True)
        self._synthesize = tf.function(
            lambda ws, noise: to_uint8(generator.synthesize(ws, noise=noise)), autograph=False, reduce_retracing=True
        )

    def sample_latents(self, count, seed=0):
        """Samples latents, the same as `model.generate(count, seed=seed)` does.

        Args:
            count: Integer. Number of latents.
            seed: Integer. Seed for the latents.

        Returns:
            Float32 array `[count, latent_size]`.
        """
        return randomness.normal([count, self.latent_size], randomness.fold(seed, "generate", "latents")).numpy()

    def check_labels(self, labels, count, seed=0):
        """Checks or samples the labels of `count` images.

        Args:
            labels: Integer or name of a class, array `[count]` of them, float array `[count, label_size]`, or `None`. One
                class for all images, the class of each image, or the label vector of each image. `None` samples classes as
                `model.generate(count, seed=seed)` does.
            count: Integer. Number of images.
            seed: Integer. Seed for sampled labels.

        Returns:
            Int32 array `[count]`, float32 array `[count, label_size]`, or `None` for a generator without labels.

        Raises:
            UserError: If the labels do not match the generator.
        """
        if self.num_classes is None and self.label_size is None:
            if labels is not None:
                raise UserError(
                    f"`labels` must be `None`, because this model has no classes. Received: labels={labels}"
                )
            return None
        if self.num_classes is None:
            labels = None if labels is None else np.asarray(labels, np.float32)
            if labels is None or labels.shape != (count, self.label_size):
                raise UserError(
                    f"`labels` must be vectors of shape {(count, self.label_size)}. "
                    f"Received: {None if labels is None else f'shape={labels.shape}'}"
                )
            return labels
        if labels is None:
            weights = self._label_weights or [1.0] * self.num_classes
            return randomness.categorical(weights, count, randomness.fold(seed, "generate", "labels")).numpy()
        return self.condition.class_indices(labels, count)

    def map(self, latents, labels=None, truncation=1.0, truncation_cutoff=None):
        """Maps latents to styles.

        Args:
            latents: Float array `[count, latent_size]`.
            labels: Array or `None`, as returned by `check_labels`.
            truncation: Float in [0, 1]. 1 leaves the styles unchanged; 0 replaces them by the average style.
            truncation_cutoff: Integer or `None`. Number of layers to truncate, starting from the coarsest. `None`
                truncates all layers.

        Returns:
            Float32 array `[count, num_ws, w_size]`.
        """
        latents = np.asarray(latents, np.float32)
        batches = [
            self._map(
                tf.constant(latents[i : i + self.batch_size]),
                None if labels is None else tf.constant(labels[i : i + self.batch_size]),
                truncation=tf.constant(truncation, tf.float32),
                truncation_cutoff=truncation_cutoff,
            ).numpy()
            for i in range(0, len(latents), self.batch_size)
        ]
        return np.concatenate(batches)

    def sample(self, count, seed=0, labels=None, truncation=1.0):
        """Samples styles, the same as those of the images of `model.generate(count, labels, truncation, seed)`.

        Args:
            count: Integer. Number of images.
            seed: Integer. Seed for the latents and sampled labels.
            labels: Integer, array, or `None`, as in `check_labels`.
            truncation: Float in [0, 1]. 1 leaves the styles unchanged; 0 replaces them by the average style.

        Returns:
            Float32 array `[count, num_ws, w_size]`.

        Raises:
            UserError: If the labels do not match the generator.
        """
        return self.map(self.sample_latents(count, seed), self.check_labels(labels, count, seed), truncation)

    def synthesize(self, ws, noise="const"):
        """Generates images from styles.

        Args:
            ws: Float array `[count, num_ws, w_size]`.
            noise: String, `"const"` or `"none"`, or noise maps, as in the generator's `synthesize`.

        Returns:
            uint8 array `[count, height, width, channels]`.

        Raises:
            UserError: If the styles do not have the right shape.
        """
        ws = np.asarray(ws, np.float32)
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_size):
            raise UserError(
                f"`ws` must have the shape [count, {self.num_ws}, {self.w_size}]. Received: shape={ws.shape}"
            )
        batches = [
            self._synthesize(tf.constant(ws[i : i + self.batch_size]), noise).numpy()
            for i in range(0, len(ws), self.batch_size)
        ]
        return np.concatenate(batches)

    def layers(self, layers):
        """Returns the indices of the selected styles.

        Args:
            layers: String (`"coarse"`, `"middle"`, or `"fine"`), list of integers, or `None`. The styles to select,
                where 0 is the coarsest. `None` selects all styles.

        Returns:
            Sorted list of integers.

        Raises:
            UserError: If the generator has no such styles.
        """
        if layers is None:
            return list(range(self.num_ws))
        if isinstance(layers, str):
            if layers not in STYLE_RANGES:
                raise unknown_name("range of styles", layers, STYLE_RANGES)
            layers = [layer for layer in STYLE_RANGES[layers] if layer < self.num_ws] or STYLE_RANGES[layers][:1]
        layers = sorted(set(int(layer) for layer in layers))
        if not layers or layers[0] < 0 or layers[-1] >= self.num_ws:
            raise UserError(f"`layers` must be styles from 0 to {self.num_ws - 1}. Received: layers={layers}")
        return layers
