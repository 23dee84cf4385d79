"""LPIPS: how different two images look, by a network trained on people's judgments."""

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.shift_tolerant_lpips import load_shift_tolerant_lpips
from tfgan_suite.metrics.numerics.feature_checks import check_images
from tfgan_suite.metrics.numerics.over_white import over_white
from tfgan_suite.metrics.numerics.pass_size import pass_size
from tfgan_suite.specs.image_range import to_float

# The patches that people judged, and that the network was trained on, have 64 x 64 pixels.
MIN_SIZE = 64
_FIRST_CHANNELS = 64  # Of the first convolution, whose maps are the largest: it has a stride of one.


@keras.saving.register_keras_serializable("tfgan_suite")
class LPIPS:
    """Perceptual distance of images, differentiable: 0 for the same image, about 0.1 for slight, 0.7 for strong changes.

    The network is the shift-tolerant LPIPS (AlexNet) of Ghildyal and Liu, trained on people's judgments from scratch. Its
    values are **not** those of the original LPIPS network and do not compare with them; they order images in the same way,
    but barely react to a shift of a pixel or two. Images with a side below 64 pixels, the size it was trained at, are
    enlarged bilinearly until their smaller side has 64. Larger ones are taken as they are.

    Args:
        weights_path: String or path. The authors' `alex_shift_tolerant.pth`; by default the one in the installed package
            `stlpips-pytorch`, whose SHA-256 is checked.

    Attributes:
        weights_sha256: String. The hash of the file that the weights came from.

    Raises:
        MissingExtraError: The package is not installed.
        UserError: The file is not the expected one.

    Example:

    >>> distance = LPIPS()
    >>> black = np.zeros([2, 64, 64, 3], "uint8")
    >>> distance(black, black).numpy().tolist()
    [0.0, 0.0]

    Reference: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", equation 1;
    Ghildyal and Liu 2022, "Shift-tolerant Perceptual Similarity Metric".
    """

    name = "lpips-shift-tolerant-alexnet"

    def __init__(self, weights_path: str | Path | None = None):
        self.weights_path = None if weights_path is None else str(weights_path)
        self.network, self.weights_sha256 = load_shift_tolerant_lpips(weights_path)

    def __call__(self, images_a, images_b) -> tf.Tensor:
        """Distances of pairs of images.

        Args:
            images_a: uint8 in [0, 255] or float in [-1, 1], `[batch, height, width, 1 or 3]`.
            images_b: Images of the same size; of the same count, or one image that all of `images_a` are compared with.

        Returns:
            float32 `[batch]`.

        Raises:
            UserError: The images have different sizes, or not these shapes and types.
        """
        images_a, images_b = _as_float_images(images_a), _as_float_images(images_b)
        if images_a.shape[1:3] != images_b.shape[1:3] or len({images_a.shape[0], images_b.shape[0], 1}) > 2:
            raise UserError(
                f"`images_a` and `images_b` must be as many images of one size. Received: {tuple(images_a.shape)} and "
                f"{tuple(images_b.shape)}."
            )
        count = 1 if None in (images_a.shape[0], images_b.shape[0]) else max(images_a.shape[0], images_b.shape[0], 1)
        size = _pass_size(count, images_a)
        if size == count:
            return self._distances(images_a, images_b)
        rows = [slice(start, start + size) for start in range(0, count, size)]
        return tf.concat([self._distances(_rows(images_a, row), _rows(images_b, row)) for row in rows], axis=0)

    def _distances(self, images_a, images_b):
        features_a, features_b = self.network(prepare(images_a)), self.network(prepare(images_b))
        return tf.add_n(
            [
                tf.reduce_mean(tf.reduce_sum(tf.math.squared_difference(a, b), axis=-1), axis=[1, 2])
                for a, b in zip(features_a, features_b)
            ]
        )

    def get_config(self):
        return {"weights_path": self.weights_path}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def embed(self, images) -> tf.Tensor:
        """Vectors whose squared Euclidean distance is LPIPS: to compare many images with one, or each with all.

        Args:
            images: As in a call.

        Returns:
            float32 `[batch, dimensions]`; the dimensions grow with the image's size.
        """
        images = _as_float_images(images)
        count = images.shape[0] or 1
        size = _pass_size(count, images)
        if size == count:
            return self._vectors(images)
        return tf.concat([self._vectors(images[start : start + size]) for start in range(0, count, size)], axis=0)

    def _vectors(self, images):
        return tf.concat(
            [
                tf.reshape(
                    one / tf.sqrt(tf.cast(tf.shape(one)[1] * tf.shape(one)[2], tf.float32)), [tf.shape(one)[0], -1]
                )
                for one in self.network(prepare(images))
            ],
            axis=1,
        )


def lpips(images_a, images_b) -> tf.Tensor:
    """Perceptual distances of pairs of images; see `LPIPS`, which is kept from the first call on.

    Args:
        images_a: uint8 in [0, 255] or float in [-1, 1], `[batch, height, width, 1 or 3]`.
        images_b: Images of the same size; of the same count, or one image that all of `images_a` are compared with.

    Returns:
        float32 `[batch]`, 0 for equal images.

    Raises:
        MissingExtraError: The package with the weights is not installed.
        UserError: The images have different sizes, or not these shapes and types.

    Example:

    >>> black = np.zeros([1, 64, 64, 3], "uint8")
    >>> float(lpips(black, black)[0])
    0.0
    """
    return shared_lpips()(images_a, images_b)


@functools.cache
def shared_lpips() -> LPIPS:
    """The one `LPIPS` with the installed weights that a process keeps."""
    return LPIPS()


def _as_float_images(images) -> tf.Tensor:
    """float32 `[batch, height, width, channels]` in [-1, 1], whatever was allowed."""
    if not tf.is_tensor(images):
        images = np.asarray(images)
    shape, dtype = tuple(images.shape), tf.as_dtype(images.dtype)
    if len(shape) != 4 or shape[3] not in (1, 3, 4):
        raise UserError(f"Images must be [batch, height, width, 1, 3 or 4]. Received: shape={shape}")
    if dtype != tf.uint8 and not dtype.is_floating:
        raise UserError(f"Images must be uint8 in [0, 255] or float in [-1, 1]. Received: dtype={dtype.name}")
    images = tf.convert_to_tensor(images) if dtype == tf.uint8 else tf.cast(images, tf.float32)
    if tf.executing_eagerly():  # Inside a graph there are no values to look at.
        check_images(images, "images")
    images = over_white(images)
    return to_float(images) if dtype == tf.uint8 else images


def prepare(images: tf.Tensor) -> tf.Tensor:
    """Gray images become three equal channels; images with a side below `MIN_SIZE` are enlarged.

    Args:
        images: float32 `[batch, height, width, 1 or 3]`.

    Returns:
        float32 `[batch, height, width, 3]`.
    """
    if images.shape[3] == 1:
        images = tf.repeat(images, 3, axis=3)
    size = _looked_at(images)
    return images if size == images.shape[1:3] else tf.image.resize(images, size, method="bilinear")


def _looked_at(images) -> list[int]:
    """Height and width that the network sees."""
    height, width = images.shape[1:3]
    smaller = min(height, width)
    return [height, width] if smaller >= MIN_SIZE else [round(side * MIN_SIZE / smaller) for side in (height, width)]


def _pass_size(count, images) -> int:
    """The images of one pass; an unknown number counts as one, and is looked at whole."""
    return pass_size(count, (*_looked_at(images), _FIRST_CHANNELS))


def _rows(images, rows):
    """These rows, or the one image that all are compared with."""
    return images if images.shape[0] == 1 else images[rows]
