"""A generator's W space: latents to styles, styles to pictures, in batches and compiled."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation import randomness
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.specs.image_range import to_uint8

# Styles of 4x4 and 8x8, of 16x16 and 32x32, and of everything above (StyleGAN, section 3.1): two a resolution.
STYLE_RANGES = {"coarse": range(0, 4), "middle": range(4, 8), "fine": range(8, 1000)}


def has_style_space(model):
    """Whether a model's generator, or a generator, is made of a mapping to styles and a synthesis from them."""
    generator = getattr(model, "ema_generator", model)
    return all(hasattr(generator, name) for name in ("map", "synthesize", "num_ws"))


def labels_in_turn(model, labels, count):
    """Classes of `count` pictures.

    Args:
        model: A model or a `StyleSpace`.
        labels: `None` or `"all"` for all classes, or integers; taken in turn.
        count: Number of pictures.

    Returns:
        int32 `[count]`, or `None` for a model without classes.

    Raises:
        UserError: Labels out of range, or for a model without classes.
    """
    if model.num_classes is None:
        if labels is not None:
            raise UserError("This model has no classes: expected no labels.")
        return None
    labels = np.arange(model.num_classes) if labels is None or isinstance(labels, str) else np.asarray(labels)
    if not 0 <= labels.min() <= labels.max() < model.num_classes:
        raise UserError(
            f"Expected labels from 0 to {model.num_classes - 1}. Received: {labels.min()} to {labels.max()}"
        )
    return np.resize(labels.astype(np.int32), [count])


class StyleSpace:
    """The space between the two halves of a style-based generator: W, one vector an image, or W+, one for each layer.

    Styles are arrays `ws`, float32 `[batch, num_ws, w_size]`; in W all layers of an image have the same vector.

    Args:
        model: A model whose generator has `map` and `synthesize` (StyleGAN2), or such a generator. Of a model the averaged
            generator is taken.
        batch_size: Images made at a time; bounds memory and changes nothing else.

    Attributes:
        generator: The generator.
        latent_size: Length of a latent vector.
        num_ws: Styles of an image.
        w_size: Length of a style.
        num_classes: Number of classes, or `None`.
        image_shape: `(height, width, channels)`.

    Raises:
        UserError: The model has no W space.

    Example:

    >>> space = StyleSpace(load_model("runs/avatars"))
    >>> ws = space.sample(4, seed=1, truncation=0.7)
    >>> space.synthesize(ws).shape
    (4, 64, 64, 3)
    """

    def __init__(self, model, batch_size=16):
        if not has_style_space(model):
            raise UserError(
                f"{type(model).__name__} has no W space: expected a StyleGAN2, as a run, a .keras file or a converted "
                "checkpoint."
            )
        self.generator = generator = getattr(model, "ema_generator", model)
        self.batch_size = batch_size
        self.latent_size = generator.latent_size
        self.num_ws = generator.num_ws
        self.w_size = generator.w_size
        self.num_classes = getattr(generator, "num_classes", None)
        self.label_size = getattr(generator, "label_size", None)
        self.image_shape = tuple(generator.image_shape)
        self._label_weights = getattr(model, "label_weights", None)
        self._map = tf.function(generator.map, autograph=False, reduce_retracing=True)
        self._synthesize = tf.function(
            lambda ws, noise: to_uint8(generator.synthesize(ws, noise=noise)), autograph=False, reduce_retracing=True
        )

    def sample_latents(self, count, seed=0):
        """Latents float32 `[count, latent_size]`: those from which `model.generate(count, seed=seed)` makes images."""
        return randomness.normal([count, self.latent_size], randomness.fold(seed, "generate", "latents")).numpy()

    def check_labels(self, labels, count, seed=0):
        """The labels of `count` images.

        Args:
            labels: `None` to draw them as `model.generate(count, seed=seed)` does, one class for all, classes
                `[count]`, or vectors `[count, label_size]`.
            count: Number of images.
            seed: Of drawn labels.

        Returns:
            int32 `[count]`, float32 `[count, label_size]`, or `None` for a generator without labels.

        Raises:
            UserError: The labels do not fit the generator.
        """
        if self.num_classes is None and self.label_size is None:
            if labels is not None:
                raise UserError("This model has no classes: expected no labels.")
            return None
        if self.num_classes is None:
            labels = None if labels is None else np.asarray(labels, np.float32)
            if labels is None or labels.shape != (count, self.label_size):
                raise UserError(
                    f"Expected label vectors of shape {(count, self.label_size)}. "
                    f"Received: {None if labels is None else labels.shape}"
                )
            return labels
        if labels is None:
            weights = self._label_weights or [1.0] * self.num_classes
            return randomness.categorical(weights, count, randomness.fold(seed, "generate", "labels")).numpy()
        labels = np.broadcast_to(np.asarray(labels), [count]) if np.ndim(labels) == 0 else np.asarray(labels)
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise UserError(f"Expected {count} integer labels. Received: shape={labels.shape}, dtype={labels.dtype}")
        if labels.size and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise UserError(
                f"Expected labels from 0 to {self.num_classes - 1}. Received: {labels.min()} to {labels.max()}"
            )
        return labels.astype(np.int32)

    def map(self, latents, labels=None, truncation=1.0, truncation_cutoff=None):
        """Styles of latents.

        Args:
            latents: float `[count, latent_size]`.
            labels: As `check_labels` returns them.
            truncation: In [0, 1]: 1 leaves the styles, 0 makes all the average one.
            truncation_cutoff: Layers to truncate, counted from the coarsest; `None` for all.

        Returns:
            float32 `[count, num_ws, w_size]`.
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
        """Styles of random images: those of the images of `model.generate(count, labels, truncation, seed)`.

        Args:
            count: Number of images.
            seed: The same seed gives the same styles.
            labels: As in `check_labels`.
            truncation: As in `map`.

        Returns:
            float32 `[count, num_ws, w_size]`.
        """
        return self.map(self.sample_latents(count, seed), self.check_labels(labels, count, seed), truncation)

    def synthesize(self, ws, noise="const"):
        """Images of styles.

        Args:
            ws: float `[count, num_ws, w_size]`.
            noise: `"const"`, `"none"` or maps, as the generator has it.

        Returns:
            uint8 `[count, height, width, channels]`.
        """
        ws = np.asarray(ws, np.float32)
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_size):
            raise UserError(f"Expected styles [count, {self.num_ws}, {self.w_size}]. Received shape: {ws.shape}")
        batches = [
            self._synthesize(tf.constant(ws[i : i + self.batch_size]), noise).numpy()
            for i in range(0, len(ws), self.batch_size)
        ]
        return np.concatenate(batches)

    def layers(self, layers):
        """The numbers of chosen styles.

        Args:
            layers: `None` for all; `"coarse"`, `"middle"` or `"fine"`; or numbers from 0, the coarsest, on.

        Returns:
            Sorted list of ints.

        Raises:
            UserError: The generator has no such styles.
        """
        if layers is None:
            return list(range(self.num_ws))
        if isinstance(layers, str):
            if layers not in STYLE_RANGES:
                raise unknown_name("range of styles", layers, STYLE_RANGES)
            layers = [layer for layer in STYLE_RANGES[layers] if layer < self.num_ws] or STYLE_RANGES[layers][:1]
        layers = sorted(set(int(layer) for layer in layers))
        if not layers or layers[0] < 0 or layers[-1] >= self.num_ws:
            raise UserError(f"Expected styles from 0 to {self.num_ws - 1}, the finest. Received: {layers}")
        return layers
