import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.fused_scaling import FusedUpscaleConvolution
from tfgan_suite.layers.wrap_padding import wrap_pad


def images_of(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).normal(size=[2, height, width, channels]).astype(np.float32)


def pad(images, margin):
    return np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)], mode="wrap")


@pytest.mark.parametrize("height, width, margin", [(4, 6, 1), (3, 2, 2), (1, 1, 1), (5, 5, 0)])
def test_equals_numpys(height, width, margin):
    images = images_of(height, width)
    np.testing.assert_array_equal(wrap_pad(tf.constant(images), margin), pad(images, margin))


def test_gradient_is_the_transpose():
    images, upstream = tf.constant(images_of(4, 3)), images_of(8, 7, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        product = tf.reduce_sum(wrap_pad(images, 2) * upstream)
    # What is added to a pixel, one direction at a time, is what its copies got.
    expected = np.zeros(images.shape, np.float32)
    for y, x in np.ndindex(8, 7):
        expected[:, (y - 2) % 4, (x - 2) % 3] += upstream[:, y, x]
    np.testing.assert_allclose(tape.gradient(product, images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_convolution_that_wraps_is_one_without_padding_of_the_wrapped_image(kernel_size):
    images = images_of(6, 5)
    layer = EqualizedConvolution(4, kernel_size, padding="wrap", activation="leaky_relu", seed=1)
    outputs = layer(images)
    layer.bias.assign([0.1, -0.2, 0.3, 0.4])
    kernel = np.asarray(layer.kernel) * layer.scale
    expected = tf.nn.conv2d(pad(images, kernel_size // 2), kernel, 1, "VALID") + layer.bias
    assert outputs.shape == (2, 6, 5, 4)
    np.testing.assert_allclose(layer(images), tf.nn.leaky_relu(expected, 0.2), atol=2e-6)


@pytest.mark.parametrize("kernel_size, size", [(3, (4, 3)), (3, (1, 2)), (5, (4, 4)), (1, (3, 3))])
def test_a_fused_upscale_that_wraps_is_one_of_the_enlarged_wrapped_image(kernel_size, size):
    images = images_of(*size)
    layer = FusedUpscaleConvolution(4, kernel_size, padding="wrap", seed=1)
    outputs = layer(images)
    enlarged = pad(images.repeat(2, axis=1).repeat(2, axis=2), kernel_size // 2)
    kernel = np.asarray(layer.kernel)[::-1, ::-1].transpose(0, 1, 3, 2) * layer.scale
    assert outputs.shape == (2, 2 * size[0], 2 * size[1], 4)
    np.testing.assert_allclose(outputs, tf.nn.conv2d(enlarged, kernel, 1, "VALID"), atol=2e-6)


@pytest.mark.parametrize("make", [EqualizedConvolution, FusedUpscaleConvolution])
def test_sizes_may_be_unknown_before_the_graph_runs(make):
    layers = [make(4, padding=padding, seed=1) for padding in ("wrap", "zeros")]
    images = images_of(4, 6)
    for layer in layers:
        function = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 3])])
        np.testing.assert_allclose(function(images), layer(images), atol=1e-6)
    assert not np.allclose(layers[0](images), layers[1](images))
    assert np.allclose(layers[0](images)[:, 2:-2, 2:-2], layers[1](images)[:, 2:-2, 2:-2], atol=1e-6)
    assert make.from_config(layers[0].get_config()).padding == "wrap"


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"2x2 pixels.*\(1, 4\)"):
        wrap_pad(tf.zeros([1, 1, 4, 1]), 2)
    for make in (EqualizedConvolution, FusedUpscaleConvolution):
        with pytest.raises(ValueError, match="`padding` must be one of.*padding='reflect'"):
            make(3, padding="reflect")
    with pytest.raises(ValueError, match="`padding` must be 'zeros' with resampling.*resampling='up'"):
        EqualizedConvolution(3, resampling="up", padding="wrap")
