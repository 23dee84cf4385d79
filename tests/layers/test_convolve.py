"""`convolve` and `convolve_transpose` against TensorFlow's, up to the second derivative."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers import convolve as module
from tfgan_suite.layers.convolve import convolve, convolve_transpose, mix_channels

# (larger size, kernel size, strides, padding); all with at most 4x4 positions in the smaller image.
GEOMETRIES = [
    ((8, 8), (4, 4), 2, "SAME"),
    ((4, 4), (3, 3), 1, "SAME"),
    ((8, 6), (5, 5), 2, "SAME"),
    ((9, 9), (3, 3), 2, "VALID"),
    ((4, 3), (2, 3), 1, "SAME"),
    ((6, 6), (3, 3), 1, "VALID"),
    ((12, 12), (3, 3), 3, "SAME"),
    ((7, 5), (2, 2), 3, "VALID"),
]


def random(shape, seed, dtype=np.float32):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def assert_close(actual, expected, tolerance=1e-5):
    scale = np.abs(np.asarray(expected, np.float32)).max()
    np.testing.assert_allclose(
        np.asarray(actual, np.float32), np.asarray(expected, np.float32), rtol=0, atol=tolerance * scale
    )


@pytest.fixture(params=GEOMETRIES, ids=str)
def geometry(request):
    large_size, kernel_size, strides, padding = request.param
    found = module._Geometry(large_size, kernel_size, strides, padding)
    assert found.prefers_matrices
    return found


def pair(geometry):
    """Our convolution and TensorFlow's as functions of (images, kernel), and arguments for them."""
    images = random([3, *geometry.large_size, 4], 0)
    kernel = random([*geometry.kernel_size, 4, 5], 1)
    strides, padding = geometry.strides, geometry.padding
    return (
        lambda x, k: convolve(x, k, strides, padding),
        lambda x, k: tf.nn.conv2d(x, k, strides, padding),
        (images, kernel),
    )


def transposed_pair(geometry):
    small_images = random([3, *geometry.small_size, 5], 2)
    kernel = random([*geometry.kernel_size, 4, 5], 3)
    strides, padding = geometry.strides, geometry.padding
    output_shape = [3, *geometry.large_size, 4]
    return (
        lambda x, k: convolve_transpose(x, k, geometry.large_size, strides, padding),
        lambda x, k: tf.nn.conv2d_transpose(x, k, output_shape, strides, padding),
        (small_images, kernel),
    )


def derivatives(function, arguments):
    """Value, first derivatives of a sum of squares, and derivatives of those gradients' squared norm."""
    with tf.GradientTape() as outer:
        outer.watch(arguments)
        with tf.GradientTape() as inner:
            inner.watch(arguments)
            outputs = function(*arguments)
            loss = tf.reduce_sum(tf.square(outputs)) + tf.reduce_sum(tf.sin(outputs))
        first = inner.gradient(loss, arguments)
        norms = sum(tf.reduce_sum(tf.square(gradient)) for gradient in first)
    return [outputs, *first, *outer.gradient(norms, arguments)]


@pytest.mark.parametrize("make_pair", [pair, transposed_pair])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_values_and_two_derivatives_equal_tensorflow(geometry, make_pair, jit_compile):
    ours, theirs, arguments = make_pair(geometry)
    actual = tf.function(lambda: derivatives(ours, arguments), jit_compile=jit_compile)()
    expected = derivatives(theirs, arguments)
    for one, other in zip(actual, expected):
        assert_close(one, other)


def test_kernels_of_one_pixel_equal_tensorflows():
    arguments = (random([3, 6, 5, 4], 0), random([1, 1, 4, 7], 1))
    expected = derivatives(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), arguments)
    for one, other in zip(derivatives(mix_channels, arguments), expected):
        assert_close(one, other)
    unknown = tf.function(
        mix_channels, input_signature=[tf.TensorSpec([None, None, None, 4]), tf.TensorSpec([1, 1, 4, 7])]
    )
    assert_close(unknown(*arguments), expected[0])


def test_any_batch_size_in_one_graph():
    kernel = random([3, 3, 4, 5], 1)
    function = tf.function(convolve, input_signature=[tf.TensorSpec([None, 4, 4, 4]), tf.TensorSpec([3, 3, 4, 5])])
    for batch_size in (1, 3):
        images = random([batch_size, 4, 4, 4], batch_size)
        assert_close(function(images, kernel), tf.nn.conv2d(images, kernel, 1, "SAME"))


def test_half_precision_stays_half():
    images, kernel = (tf.cast(random(shape, 0), tf.bfloat16) for shape in ([2, 4, 4, 8], [3, 3, 8, 8]))
    outputs = convolve(images, kernel)
    assert outputs.dtype == tf.bfloat16
    assert_close(outputs, tf.nn.conv2d(tf.cast(images, tf.float32), tf.cast(kernel, tf.float32), 1, "SAME"), 0.02)


@pytest.mark.parametrize("size", [16, 5])
def test_larger_sizes_and_unknown_ones_take_tensorflows_operation(size):
    graph = (
        tf.function(convolve).get_concrete_function(tf.TensorSpec([2, size, size, 4]), random([3, 3, 4, 5], 0)).graph
    )
    assert "Conv2D" in {operation.type for operation in graph.get_operations()}
    unknown = tf.function(convolve).get_concrete_function(tf.TensorSpec([2, None, None, 4]), random([3, 3, 4, 5], 0))
    assert "Conv2D" in {operation.type for operation in unknown.graph.get_operations()}


def test_a_size_that_does_not_come_back_is_refused():
    with pytest.raises(ValueError, match=r"`inputs` must have size \(5, 5\).*Received: inputs of size \(4, 4\)"):
        convolve_transpose(random([1, 4, 4, 2], 0), random([3, 3, 2, 2], 1), (9, 9), strides=2)
