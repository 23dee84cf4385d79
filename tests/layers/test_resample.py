import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers.resample import resample, size_keeping_padding

GENERATOR = np.random.default_rng(0)


def by_hand(images, taps, up, down, padding):
    """Zeros, padding, a convolution of whole images, every other pixel: the definition, in float64."""
    batch, height, width, channels = images.shape
    enlarged = np.zeros([batch, height * up, width * up, channels])
    enlarged[:, ::up, ::up] = images
    before, after = padding
    enlarged = np.pad(enlarged, [(0, 0), (max(before, 0), max(after, 0)), (max(before, 0), max(after, 0)), (0, 0)])
    cut = slice(max(-before, 0), -max(-after, 0) or None)
    enlarged = enlarged[:, cut, cut]
    kernel = np.outer(taps, taps)[::-1, ::-1] / sum(taps) ** 2 * up**2
    size = len(taps)
    outputs = np.zeros([batch, enlarged.shape[1] - size + 1, enlarged.shape[2] - size + 1, channels])
    for row in range(size):
        for column in range(size):
            outputs += kernel[row, column] * enlarged[:, row:, column:][:, : outputs.shape[1], : outputs.shape[2]]
    return outputs[:, ::down, ::down]


CASES = [
    ((1, 3, 3, 1), 2, 1, None),
    ((1, 3, 3, 1), 1, 2, None),
    ((1, 3, 3, 1), 1, 1, (1, 1)),
    ((1, 3, 3, 1), 1, 1, (2, 2)),
    ((1, 2, 4), 2, 1, None),
    ((1, 2, 4), 1, 2, None),
    ((1, 2, 4), 1, 1, (1, 0)),
    ((1,), 2, 1, None),
    ((1,), 1, 1, (0, -1)),
    ((1, 2), 1, 2, (-1, -2)),
    ((1, 2), 2, 1, (4, 5)),
    ((1, 3, 3, 1), 2, 1, (-2, 7)),
]


@pytest.mark.parametrize("form", ["depthwise", "banded", None])
@pytest.mark.parametrize("taps, up, down, padding", CASES)
def test_equals_the_definition(taps, up, down, padding, form):
    images = GENERATOR.normal(size=[2, 8, 6, 5]).astype("float32")
    expected = by_hand(images, taps, up, down, padding or size_keeping_padding(len(taps), up, down))
    outputs = resample(images, taps, up, down, padding, form=form)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(resample(images, taps, up, down, padding, 4.0, form), 4.0 * expected, atol=1e-5)


@pytest.mark.parametrize("form", ["depthwise", "banded"])
@pytest.mark.parametrize("taps, up, down, padding", CASES)
def test_gradients_of_two_orders(taps, up, down, padding, form):
    """A linear map A: the gradient of <b, A x> is A' b, and that of <c, A' b> for b is A c."""
    images = tf.constant(GENERATOR.normal(size=[2, 7, 6, 3]), tf.float32)
    direction = tf.constant(GENERATOR.normal(size=images.shape), tf.float32)

    @tf.function
    def gradients(images, weights):
        with tf.GradientTape() as outer:
            outer.watch(weights)
            with tf.GradientTape() as inner:
                inner.watch(images)
                product = tf.reduce_sum(weights * resample(images, taps, up, down, padding, form=form))
            first = inner.gradient(product, images)
            second = tf.reduce_sum(first * direction)
        return first, outer.gradient(second, weights)

    outputs = resample(images, taps, up, down, padding, form=form)
    weights = tf.constant(GENERATOR.normal(size=outputs.shape), tf.float32)
    first, second = gradients(images, weights)
    assert first.shape == images.shape
    np.testing.assert_allclose(np.sum(first * images), np.sum(weights * outputs), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(second, resample(direction, taps, up, down, padding, form=form), atol=1e-5)


def test_compiled_by_xla_takes_matrices():
    images = tf.constant(GENERATOR.normal(size=[2, 8, 8, 5]), tf.float32)
    function = tf.function(lambda images: resample(images, down=2), jit_compile=True)
    operations = {operation.type for operation in function.get_concrete_function(images).graph.get_operations()}
    assert "DepthwiseConv2dNative" not in operations
    np.testing.assert_allclose(function(images), resample(images, down=2), atol=1e-6)
    plain = tf.function(lambda images: resample(images, down=2)).get_concrete_function(images)
    assert "DepthwiseConv2dNative" in {operation.type for operation in plain.graph.get_operations()}


def test_large_images_take_a_convolution():
    images = tf.constant(GENERATOR.normal(size=[1, 160, 4, 2]), tf.float32)
    np.testing.assert_allclose(resample(images, up=2), resample(images, up=2, form="banded"), atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_types(dtype):
    images = GENERATOR.normal(size=[2, 8, 8, 5]).astype("float32")
    outputs = resample(tf.cast(images, dtype), up=2)
    assert outputs.dtype == dtype
    np.testing.assert_allclose(tf.cast(outputs, "float32"), resample(images, up=2), atol=0.03)


def test_bad_arguments():
    images = np.zeros([1, 8, 8, 1], "float32")
    with pytest.raises(ValueError, match="`up` and `down` must be 1 or 2"):
        resample(images, up=3)
    with pytest.raises(ValueError, match="`up` or `down` must be 1 with form=.depthwise."):
        resample(images, up=2, down=2, form="depthwise")
