import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.fused_scaling import FusedDownscaleConvolution, FusedUpscaleConvolution


def images_of(size, channels, seed=0, batch_size=2):
    return tf.constant(np.random.default_rng(seed).normal(size=[batch_size, size, size, channels]), tf.float32)


def with_random_bias(layer, inputs):
    layer(inputs)
    layer.bias.assign(np.random.default_rng(1).normal(size=layer.bias.shape))
    return layer


def repeat_then_convolve(layer, images):
    kernel = tf.transpose(layer.kernel.value[::-1, ::-1], [0, 1, 3, 2]) * layer.scale
    repeated = tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)
    return tf.nn.conv2d(repeated, kernel, 1, "SAME") + layer.bias


def convolve_then_average(layer, images):
    outputs = tf.nn.conv2d(images, layer.kernel.value * layer.scale, 1, "SAME") + layer.bias
    return tf.nn.avg_pool2d(outputs, 2, 2, "VALID")


CASES = {
    "up": (FusedUpscaleConvolution, repeat_then_convolve, (2, 16, 16, 5)),
    "down": (FusedDownscaleConvolution, convolve_then_average, (2, 4, 4, 5)),
}


@pytest.mark.parametrize("case", CASES)
def test_contract(case):
    layer_class, _, expected_shape = CASES[case]
    run_layer_test(
        layer_class, {"filters": 5, "gain": 1.5, "activation": "leaky_relu", "seed": 3}, images_of(8, 3), expected_shape
    )


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", [2, 8, 24])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_two_operations(case, size, kernel_size):
    layer_class, in_two_steps, _ = CASES[case]
    images = images_of(size, 3)
    layer = with_random_bias(layer_class(5, kernel_size), images)
    np.testing.assert_allclose(layer(images), in_two_steps(layer, images), rtol=0, atol=3e-6)
    layer.activation = "leaky_relu"
    np.testing.assert_allclose(layer(images), tf.nn.leaky_relu(in_two_steps(layer, images), 0.2), rtol=0, atol=3e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_equal_those_of_the_two_operations(case, jit_compile):
    layer_class, in_two_steps, _ = CASES[case]
    images = images_of(8, 3)
    layer = with_random_bias(layer_class(5), images)

    def derivatives(function):
        """Of a gradient norm, as a gradient penalty takes them, with respect to images and kernel."""
        kernel = layer.kernel.value
        with tf.GradientTape() as outer:
            outer.watch([images, kernel])
            with tf.GradientTape() as inner:
                inner.watch(images)
                outputs = tf.reduce_sum(tf.sin(function(images)))
            norm = tf.reduce_sum(tf.square(inner.gradient(outputs, images)))
        return outer.gradient(norm, [images, kernel])

    fused = tf.function(lambda: derivatives(layer), jit_compile=jit_compile)()
    for value, expected in zip(fused, derivatives(lambda inputs: in_two_steps(layer, inputs))):
        assert np.linalg.norm(value - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("case", CASES)
def test_starts_at_unit_variance(case):
    layer = CASES[case][0](64, seed=1)
    outputs = layer(images_of(16, 64))
    kernel = np.asarray(layer.kernel)
    assert abs(kernel.std() - 1) < 0.02 and abs(kernel.mean()) < 0.02 and not np.asarray(layer.bias).any()
    # Repetition makes neighbouring pixels equal, which leaves the variance; averages of four divide it.
    assert abs(np.var(outputs) - (1.0 if case == "up" else 0.25)) < 0.15
    other = CASES[case][0](64, seed=2)
    other(images_of(16, 64))
    assert not np.array_equal(kernel, np.asarray(other.kernel))


@pytest.mark.parametrize("case", CASES)
def test_kernels_are_summed_in_float32(case):
    """Also within a model of mixed precision, whose casting of weights would reach them."""

    class Wrapper(keras.layers.Layer):
        def call(self, inputs):
            return layer(inputs)

    layer = CASES[case][0](5, dtype="mixed_bfloat16")
    images = images_of(8, 3)
    np.testing.assert_array_equal(Wrapper(dtype="mixed_bfloat16")(images), layer(images))
    assert layer.kernel.value.dtype == tf.float32


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="`kernel_size` must be an odd.*kernel_size=4"):
        FusedUpscaleConvolution(3, kernel_size=4)
    with pytest.raises(ValueError, match=r"even height and width.*\(5, 5\)"):
        FusedDownscaleConvolution(3)(images_of(5, 2))


def test_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input([4, 4, 2]), FusedUpscaleConvolution(3), FusedDownscaleConvolution(2)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(images_of(4, 2)), again(images_of(4, 2)))
