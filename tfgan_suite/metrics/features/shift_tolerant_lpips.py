"""The network of the shift-tolerant perceptual distance: an AlexNet without aliasing, with a weight per channel."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.package_weights import find_package_file, read_checked_weights

WEIGHTS_SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"
_PACKAGE = "stlpips_pytorch"
_FILE = "weights/vST0.0/alex_shift_tolerant.pth"
# Name of each convolution in the file, and the zero padding of its input in pixels.
_CONVOLUTIONS = (
    ("net.slice1.0", 2),
    ("net.slice2.5", 2),
    ("net.slice3.9", 1),
    ("net.slice4.11", 1),
    ("net.slice5.13", 1),
)
_POOL_BEFORE = ("net.slice2.5", "net.slice3.9")
_EPSILON = 1e-10


def load_shift_tolerant_lpips(weights_path: str | Path | None = None) -> tuple[keras.Model, str]:
    """Builds the network with the weights of the package `stlpips-pytorch` (BSD-2-Clause), which is not imported.

    Args:
        weights_path: String, path, or `None`. The `.pth` file with the weights. Defaults to the file in the installed
            package, whose SHA-256 is checked.

    Returns:
        Tuple of the model of `build_shift_tolerant_lpips`, and the SHA-256 of the file.

    Raises:
        MissingExtraError: If the package is not installed.
        UserError: If the file is not the expected one, or does not contain the network's weights.
    """
    if weights_path is None:
        path = find_package_file(_PACKAGE, _FILE, "lpips", "The perceptual distance LPIPS")
        weights, sha256 = read_checked_weights(path, WEIGHTS_SHA256)
    else:
        weights, sha256 = read_checked_weights(weights_path, None)
    return build_shift_tolerant_lpips(weights), sha256


def build_shift_tolerant_lpips(weights: Mapping[str, np.ndarray]) -> keras.Model:
    """Builds the network.

    Each output map has unit length across channels at every position (LPIPS, equation 1) and is scaled by the square
    root of the learned channel weights. The distance between two images is the squared difference of their maps,
    averaged over positions, and summed over channels and maps.

    Args:
        weights: Mapping `{name: array}` with the names in the authors' file: `net.slice1.0.weight`,
            `lin0.model.1.weight`, ...

    Returns:
        A Keras model from float32 [batch, height, width, 3] in [-1, 1] to five maps [batch, h, w, channels].

    Raises:
        UserError: If a weight is missing.

    Reference: Ghildyal and Liu 2022, "Shift-tolerant Perceptual Similarity Metric", section 4 (a blur after the first
    convolution takes over its stride; blurred pooling; reflected borders of two pixels); Zhang et al. 2018, "The
    Unreasonable Effectiveness of Deep Features as a Perceptual Metric", equation 1; Zhang 2019, "Making Convolutional
    Networks Shift-Invariant Again", section 3 (blurred pooling).
    """
    try:
        return _build(weights)
    except KeyError as error:
        raise UserError(
            f"The file must contain the weights of the shift-tolerant LPIPS (AlexNet), but it lacks {error}."
        ) from error


def _build(weights: Mapping[str, np.ndarray]) -> keras.Model:
    inputs = keras.Input([None, None, 3])
    shift, scale = (weights[f"scaling_layer.{name}"].reshape(-1) for name in ("shift", "scale"))
    images = layers.Rescaling((1.0 / scale).tolist(), (-shift / scale).tolist())(inputs)
    outputs = []
    for index, (name, padding) in enumerate(_CONVOLUTIONS):
        if name in _POOL_BEFORE:
            images = _BlurPooling()(layers.MaxPooling2D(3, strides=1)(images))
        kernel = weights[f"{name}.weight"].transpose(2, 3, 1, 0)  # [size, size, in, out]
        convolution = layers.Conv2D(kernel.shape[3], kernel.shape[0])
        images = convolution(layers.ZeroPadding2D(padding)(images))
        convolution.set_weights([kernel, weights[f"{name}.bias"]])
        if index == 0:
            images = _BlurPooling()(images)
        images = layers.ReLU()(images)
        outputs.append(_UnitLength(np.sqrt(weights[f"lin{index}.model.1.weight"].reshape(-1)))(images))
    model = keras.Model(inputs, outputs, name="shift_tolerant_lpips")
    model.trainable = False
    return model


class _BlurPooling(layers.Layer):
    """Blurs with [1, 2, 1] / 4 along both axes and keeps every second pixel; borders of two pixels are reflected."""

    def call(self, images):
        images = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]], "REFLECT")
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        # Sums of strided views are many times faster on a CPU than a depthwise convolution with a constant kernel.
        images = 0.25 * images[:, 0 : height - 2 : 2] + 0.5 * images[:, 1 : height - 1 : 2] + 0.25 * images[:, 2::2]
        return (
            0.25 * images[:, :, 0 : width - 2 : 2]
            + 0.5 * images[:, :, 1 : width - 1 : 2]
            + 0.25 * images[:, :, 2:width:2]
        )


class _UnitLength(layers.Layer):
    """Normalizes features to length one at every position, then multiplies each channel by its factor."""

    def __init__(self, factors: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self._factors = factors.astype(np.float32)

    def call(self, features):
        squares = tf.reduce_sum(tf.square(features), axis=-1, keepdims=True)
        # The root has no gradient at zero, where all features are zero. Such a position yields zeros either way.
        safe = tf.where(squares > 0.0, squares, 1.0)
        length = tf.where(squares > 0.0, tf.sqrt(safe), 0.0)
        return features / (length + _EPSILON) * self._factors
