"""The Inception of December 2015 as a Keras model, the network behind published FIDs and Inception Scores."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import layers

from tfgan_suite.foundation.errors import UserError

INPUT_SIZE = 299
NUM_FEATURES = 2048
NUM_CLASSES = 1008
BATCH_NORM_EPSILON = 1e-3


def build_inception_2015(weights: Mapping[str, np.ndarray]) -> keras.Model:
    """Builds the network.

    The features are `pool_3` of the original graph. The logits are the product with `softmax/weights` only, because the
    Inception Score is defined and always computed without the biases. This network differs from other versions of
    Inception-v3 (that of torchvision and `keras.applications`) as follows: averages at borders exclude the padding, the
    pooling in the last block takes the maximum, there are 1,008 outputs, and the weights come from a different training
    run. Batch normalization is folded into the convolutions in float64.

    Args:
        weights: Mapping `{name: array}` with the names of the original graph: `conv/conv2d_params` [height, width, in,
            out], `conv/batchnorm/{beta, gamma, moving_mean, moving_variance}` [out], ..., `softmax/weights` [2048,
            1008].

    Returns:
        A Keras model from float32 [batch, 299, 299, 3] to (features [batch, 2048], logits [batch, 1008]).

    Raises:
        UserError: If a weight is missing, or does not have the expected shape.

    Reference: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", table 1 and figures 5
    to 7; Salimans et al. 2016, "Improved Techniques for Training GANs", section 4; Heusel et al. 2017, "GANs Trained by
    a Two Time-Scale Update Rule", section 4.
    """
    network = _Builder(weights)
    inputs = images = keras.Input([INPUT_SIZE, INPUT_SIZE, 3])
    images = network.convolve(images, "conv", 32, 3, strides=2)  # [batch, 149, 149, 32]
    images = network.convolve(images, "conv_1", 32, 3, padding="valid")
    images = network.convolve(images, "conv_2", 64, 3)  # [batch, 147, 147, 64]
    images = _halve(images)
    images = network.convolve(images, "conv_3", 80, 1)
    images = network.convolve(images, "conv_4", 192, 3, padding="valid")  # [batch, 71, 71, 192]
    images = _halve(images)  # [batch, 35, 35, 192]
    for name, pool_filters in (("mixed", 32), ("mixed_1", 64), ("mixed_2", 64)):
        images = _mix_35(network, images, name, pool_filters)
    images = _reduce_to_17(network, images, "mixed_3")  # [batch, 17, 17, 768]
    for name, filters in (("mixed_4", 128), ("mixed_5", 160), ("mixed_6", 160), ("mixed_7", 192)):
        images = _mix_17(network, images, name, filters)
    images = _reduce_to_8(network, images, "mixed_8")  # [batch, 8, 8, 1280]
    images = _mix_8(network, images, "mixed_9", layers.AveragePooling2D)
    images = _mix_8(network, images, "mixed_10", layers.MaxPooling2D)  # [batch, 8, 8, 2048]
    features = layers.GlobalAveragePooling2D(name="pool_3")(images)
    classifier = layers.Dense(NUM_CLASSES, use_bias=False, kernel_initializer="zeros", name="logits")
    logits = classifier(features)
    classifier.set_weights([network.take("softmax/weights", (NUM_FEATURES, NUM_CLASSES))])
    return keras.Model(inputs, [features, logits], name="inception_2015")


def _mix_35(network, images, name: str, pool_filters: int):
    """Figure 5, with the 5x5 convolution that the released network kept."""
    return layers.concatenate(
        [
            network.convolve(images, f"{name}/conv", 64, 1),
            network.chain(images, f"{name}/tower", (48, 1), (64, 5)),
            network.chain(images, f"{name}/tower_1", (64, 1), (96, 3), (96, 3)),
            network.chain(_blend(images, layers.AveragePooling2D), f"{name}/tower_2", (pool_filters, 1)),
        ]
    )


def _reduce_to_17(network, images, name: str):
    return layers.concatenate(
        [
            network.convolve(images, f"{name}/conv", 384, 3, strides=2),
            network.chain(images, f"{name}/tower", (64, 1), (96, 3), (96, 3), last_strides=2),
            _halve(images),
        ]
    )


def _mix_17(network, images, name: str, filters: int):
    """Figure 6 with n = 7."""
    across, down = (1, 7), (7, 1)
    return layers.concatenate(
        [
            network.convolve(images, f"{name}/conv", 192, 1),
            network.chain(images, f"{name}/tower", (filters, 1), (filters, across), (192, down)),
            network.chain(
                *(images, f"{name}/tower_1"),
                *((filters, 1), (filters, down), (filters, across), (filters, down), (192, across)),
            ),
            network.chain(_blend(images, layers.AveragePooling2D), f"{name}/tower_2", (192, 1)),
        ]
    )


def _reduce_to_8(network, images, name: str):
    return layers.concatenate(
        [
            network.chain(images, f"{name}/tower", (192, 1), (320, 3), last_strides=2),
            network.chain(images, f"{name}/tower_1", (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), last_strides=2),
            _halve(images),
        ]
    )


def _mix_8(network, images, name: str, pooling):
    """Figure 7: the two middle branches fork into 1x3 and 3x1."""
    middle = network.chain(images, f"{name}/tower", (384, 1))
    deep = network.chain(images, f"{name}/tower_1", (448, 1), (384, 3))
    return layers.concatenate(
        [
            network.convolve(images, f"{name}/conv", 320, 1),
            network.convolve(middle, f"{name}/tower/mixed/conv", 384, (1, 3)),
            network.convolve(middle, f"{name}/tower/mixed/conv_1", 384, (3, 1)),
            network.convolve(deep, f"{name}/tower_1/mixed/conv", 384, (1, 3)),
            network.convolve(deep, f"{name}/tower_1/mixed/conv_1", 384, (3, 1)),
            network.chain(_blend(images, pooling), f"{name}/tower_2", (192, 1)),
        ]
    )


def _halve(images):
    return layers.MaxPooling2D(3, strides=2)(images)


def _blend(images, pooling):
    # TensorFlow's "same" average divides by the number of pixels inside the image, not by nine.
    return pooling(3, strides=1, padding="same")(images)


class _Builder:
    """Creates convolutions with the weights stored under their names.

    Args:
        weights: Mapping `{name: array}`, as in `build_inception_2015`.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self._weights = weights

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in self._weights:
            raise UserError(
                f"The file must contain the weights of the Inception of December 2015, but it lacks {name!r}."
            )
        if self._weights[name].shape != shape:
            raise UserError(f"{name!r} must have the shape {shape}. Received: shape={self._weights[name].shape}")
        return self._weights[name]

    def convolve(self, images, name: str, filters: int, size: int | tuple[int, int], strides=1, padding="same"):
        """Applies a convolution, normalization, and ReLU. With strides, nothing is padded."""
        size = (size, size) if isinstance(size, int) else size
        kernel = self.take(f"{name}/conv2d_params", (*size, images.shape[-1], filters))
        beta, gamma, mean, variance = (
            self.take(f"{name}/batchnorm/{part}", (filters,)).astype(np.float64)
            for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        layer = layers.Conv2D(
            *(filters, size, strides),
            padding="valid" if strides > 1 else padding,
            activation="relu",
            kernel_initializer="zeros",
            name=name.replace("/", "_"),
        )
        images = layer(images)
        layer.set_weights([(kernel * scale).astype(np.float32), (beta - mean * scale).astype(np.float32)])
        return images

    def chain(self, images, name: str, *convolutions, last_strides: int = 1):
        """Applies convolutions `(filters, size)` in sequence, named `conv`, `conv_1`, ..."""
        for index, (filters, size) in enumerate(convolutions):
            suffix = f"_{index}" if index else ""
            strides = last_strides if index == len(convolutions) - 1 else 1
            images = self.convolve(images, f"{name}/conv{suffix}", filters, size, strides)
        return images
