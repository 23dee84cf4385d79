import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.resample import resample

IMAGES = np.random.default_rng(0).normal(size=[2, 6, 8, 3]).astype("float32")


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("resampling, size", [(None, (6, 8)), ("up", (12, 16)), ("down", (3, 4))])
def test_contract(kernel_size, resampling, size):
    config = {"filters": 5, "kernel_size": kernel_size, "resampling": resampling, "activation": "leaky_relu"}
    run_layer_test(EqualizedConvolution, config, tf.constant(IMAGES), (2, *size, 5))


def convolve_by_hand(images, kernel):
    """A cross-correlation that keeps the size, in float64."""
    size = len(kernel)
    padded = np.pad(images.astype("float64"), [(0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0)])
    outputs = 0.0
    for row in range(size):
        for column in range(size):
            shifted = padded[:, row : row + images.shape[1], column : column + images.shape[2]]
            outputs = outputs + shifted @ kernel[row, column]
    return outputs


@pytest.mark.parametrize("filters", [5, 60])
def test_equals_numpy(filters):
    """Few filters: the kernel is scaled. Many: the images."""
    layer = EqualizedConvolution(filters, gain=1.5, activation="leaky_relu", activation_gain=3.0, clamp=2.0)
    layer.build(IMAGES.shape)
    layer.bias.assign(np.random.default_rng(1).normal(size=[filters]))
    features = convolve_by_hand(IMAGES, np.asarray(layer.kernel) * 1.5 / np.sqrt(27)) + np.asarray(layer.bias)
    expected = np.clip(3.0 * np.where(features > 0, features, 0.2 * features), -2.0, 2.0)
    np.testing.assert_allclose(layer(IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2, 1), (1, 1), (1,)])
def test_down_is_the_filter_then_every_other_convolution(kernel_size, taps):
    layer = EqualizedConvolution(5, kernel_size, "down", taps, use_bias=False)
    outputs = layer(IMAGES)
    kernel = np.asarray(layer.kernel) * layer.scale
    margin = kernel_size // 2
    before, after = (len(taps) - 1) // 2, (len(taps) - 2) // 2
    filtered = resample(IMAGES, taps, padding=(before + margin, after + margin)).numpy()
    full = convolve_by_hand(filtered, kernel)[:, margin:, margin:]  # The convolution without padding.
    np.testing.assert_allclose(outputs, full[:, ::2, ::2][:, :3, :4], atol=1e-5)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2, 1), (1, 1), (1,)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_up_is_zeros_the_flipped_convolution_and_the_filter(kernel_size, taps):
    layer = EqualizedConvolution(5, kernel_size, "up", taps, use_bias=False)
    outputs = layer(IMAGES)
    kernel = np.asarray(layer.kernel).transpose([0, 1, 3, 2])[::-1, ::-1] * layer.scale
    margin = 8
    zeros_between = np.zeros([2, 12 + 2 * margin, 16 + 2 * margin, 3], "float32")
    zeros_between[:, margin:-margin:2, margin:-margin:2] = IMAGES
    convolved = convolve_by_hand(zeros_between, kernel).astype("float32")
    before, after = (len(taps) + 1) // 2, (len(taps) - 2) // 2
    filtered = resample(convolved, taps, padding=(before - margin, after - margin), gain=4.0)
    np.testing.assert_allclose(outputs, filtered, atol=1e-5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: kernel_size=2"):
        EqualizedConvolution(5, kernel_size=2)
    with pytest.raises(ValueError, match="Received: resampling='both'"):
        EqualizedConvolution(5, resampling="both")
