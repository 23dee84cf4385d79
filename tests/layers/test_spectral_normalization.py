import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.box_resampling import average_pixels, repeat_pixels
from tfgan_suite.layers.spectral_normalization import SpectralConvolution, SpectralDense, SpectralEmbedding

IMAGES = np.random.default_rng(0).normal(size=[2, 6, 4, 3]).astype("float32")
LAYERS = [
    (SpectralConvolution, {"filters": 5, "initializer": "normal", "seed": 3}, IMAGES),
    (SpectralDense, {"units": 5, "initializer": "normal", "seed": 3}, IMAGES[:, 0, 0]),
    (SpectralEmbedding, {"num_rows": 4, "units": 7, "initializer": "normal", "seed": 3}, np.array([0, 3, 2])),
]


@pytest.mark.parametrize("resample, shape", [(None, (2, 6, 4, 5)), ("up", (2, 12, 8, 5)), ("down", (2, 3, 2, 5))])
def test_contract_of_the_convolution(resample, shape):
    run_layer_test(SpectralConvolution, {"filters": 5, "resample": resample}, tf.constant(IMAGES), shape)


def test_contract_of_the_dense_layer():
    run_layer_test(SpectralDense, {"units": 5}, tf.constant(IMAGES[:, 0, 0]), (2, 5))


@pytest.mark.parametrize("layer_class, config, inputs", LAYERS)
def test_the_power_iteration_finds_the_largest_singular_value(layer_class, config, inputs):
    layer = layer_class(**config)
    for _ in range(100):
        layer(inputs, training=True)
    kernel = np.asarray(layer.kernel)
    matrix = kernel if layer_class is SpectralEmbedding else kernel.reshape(-1, kernel.shape[-1]).T
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    np.testing.assert_allclose(layer.sigma, largest, rtol=1e-4)
    np.testing.assert_allclose(layer.normalized_kernel(), kernel / largest, rtol=1e-4)


@pytest.mark.parametrize("layer_class, config, inputs", LAYERS)
def test_u_moves_in_training_alone(layer_class, config, inputs):
    layer = layer_class(**config)
    layer(inputs)
    first = np.asarray(layer.u)
    layer(inputs, training=False)
    np.testing.assert_array_equal(layer.u, first)
    layer(inputs, training=True)
    assert np.abs(layer.u - first).max() > 1e-3 and abs(np.linalg.norm(layer.u) - 1.0) < 1e-5
    layer.trainable = False
    moved = np.asarray(layer.u)
    layer(inputs, training=True)
    np.testing.assert_array_equal(layer.u, moved)


def test_the_gradient_flows_through_sigma_with_constant_vectors():
    """Miyato et al. (2018), equation 12: G / sigma - <G, W> / sigma^2 u v^T, G the gradient by the divided kernel."""
    layer = SpectralDense(5, use_bias=False, initializer="normal", epsilon=1e-12, seed=1)
    inputs = tf.constant(IMAGES[:, 0, 0])
    layer.build(inputs.shape)
    weights = np.random.default_rng(1).normal(size=[2, 5])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs, training=True) * weights)
    kernel, u = np.asarray(layer.kernel, np.float64), np.asarray(layer.u, np.float64)  # u as of this call
    # v is made from the old u, and u from v: one step back from the stored u is not needed for the outer product.
    fresh = SpectralDense(5, use_bias=False, initializer="normal", epsilon=1e-12, seed=1)
    fresh.build(inputs.shape)
    v = kernel @ np.asarray(fresh.u, np.float64)
    v /= np.linalg.norm(v)
    sigma = v @ kernel @ u
    upstream = np.asarray(inputs, np.float64).T @ weights
    expected = upstream / sigma - np.sum(upstream * kernel) / sigma**2 * np.outer(v, u)
    gradient = tape.gradient(loss, layer.trainable_variables)[0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_epsilon_bounds_the_norms():
    """With the vectors' norms below epsilon, sigma is what is left of them."""
    layer = SpectralDense(2, use_bias=False, epsilon=0.5)
    layer.build([None, 2])
    layer.kernel.assign([[0.1, 0.0], [0.0, 0.1]])
    layer.u.assign([1.0, 0.0])
    # v = K u / 0.5 = 0.2, u = K v / 0.5 = 0.04, sigma = v K u
    np.testing.assert_allclose(layer.spectral_norm(), 0.2 * 0.1 * 0.04, rtol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_resampling_convolutions_equal_their_two_steps(kernel_size):
    plain = SpectralConvolution(5, kernel_size, seed=2)
    expected = {"up": plain(repeat_pixels(tf.constant(IMAGES))), "down": average_pixels(plain(IMAGES))}
    for resample, outputs in expected.items():
        fused = SpectralConvolution(5, kernel_size, resample=resample, seed=2)
        np.testing.assert_allclose(fused(IMAGES), outputs, atol=1e-5)


@pytest.mark.parametrize("layer_class, config, inputs", LAYERS)
def test_two_replicas_hold_the_same_u(layer_class, config, inputs, two_replicas):
    single = layer_class(**config)
    single(inputs, training=True)
    with two_replicas.scope():
        layer = layer_class(**config)
        layer.build(inputs.shape)

    @tf.function
    def run():
        # Under a condition, where replicas may not meet.
        def step():
            return tf.cond(tf.constant(True), lambda: layer(inputs, training=True), lambda: layer(inputs))

        return two_replicas.run(step)

    run()
    for local in two_replicas.experimental_local_results(layer.u.value):
        np.testing.assert_allclose(local, single.u, atol=1e-6)


def test_refuses():
    with pytest.raises(ValueError, match="`kernel_size` must be an odd"):
        SpectralConvolution(3, kernel_size=2)
    with pytest.raises(ValueError, match="'up', or 'down'"):
        SpectralConvolution(3, resample="left")
    with pytest.raises(ValueError, match="even height and width"):
        SpectralConvolution(3, resample="down")(np.zeros([1, 5, 4, 2], "float32"))
