import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.conditional_batch_normalization import ConditionalBatchNormalization
from tfgan_suite.layers.standing_batch_normalization import StandingBatchNormalization, standing_statistics

BATCHES = np.random.default_rng(0).normal(2.0, 3.0, [3, 6, 5, 4, 3]).astype("float32")
IMAGES = BATCHES[0]
CONDITIONS = np.random.default_rng(1).normal(size=[6, 2]).astype("float32")


def test_contract():
    run_layer_test(StandingBatchNormalization, {"momentum": 0.8}, tf.constant(IMAGES), IMAGES.shape)


def test_equals_numpy():
    layer = StandingBatchNormalization(momentum=0.9, epsilon=1e-3)
    outputs = layer(IMAGES, training=True)
    mean, variance = IMAGES.mean((0, 1, 2), dtype="float64"), IMAGES.var((0, 1, 2), dtype="float64")
    unbiased = IMAGES.var((0, 1, 2), dtype="float64", ddof=1)
    np.testing.assert_allclose(outputs, (IMAGES - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * unbiased, rtol=1e-5)
    expected = (IMAGES - 0.1 * mean) / np.sqrt(0.9 + 0.1 * unbiased + 1e-3)
    np.testing.assert_allclose(layer(IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_gain_and_bias_depend_on_the_condition():
    layer = ConditionalBatchNormalization(epsilon=1e-3, seed=4)
    outputs = layer(IMAGES, CONDITIONS, training=True)
    mean, deviation = IMAGES.mean((0, 1, 2)), np.sqrt(IMAGES.var((0, 1, 2)) + 1e-3)
    gain = 1.0 + CONDITIONS @ np.asarray(layer.gain.normalized_kernel())
    bias = CONDITIONS @ np.asarray(layer.bias.normalized_kernel())
    expected = (IMAGES - mean) / deviation * gain[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4)
    assert not np.array_equal(layer.gain.kernel, layer.bias.kernel)
    again = ConditionalBatchNormalization.from_config(layer.get_config())
    again.build(IMAGES.shape, CONDITIONS.shape)
    np.testing.assert_array_equal(again.gain.kernel, layer.gain.kernel)


def test_standing_statistics_are_means_over_the_passes():
    layer = StandingBatchNormalization()
    layer(np.zeros_like(IMAGES), training=True)
    layer.trainable = False  # As an averaged generator is.
    with standing_statistics(layer):
        for images in BATCHES:
            layer(images, training=True)
    np.testing.assert_allclose(layer.moving_mean, BATCHES.mean((1, 2, 3)).mean(0), rtol=1e-5)
    variances = BATCHES.var((1, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.moving_variance, variances.mean(0), rtol=1e-5)
    # Afterwards they are running averages again.
    layer(BATCHES[0], training=True)
    expected = 0.9 * variances.mean(0) + 0.1 * variances[0]
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


def test_standing_statistics_in_one_graph_with_running_ones():
    layer = StandingBatchNormalization()
    layer.build(IMAGES.shape)
    forward = tf.function(lambda images: layer(images, training=True))
    forward(IMAGES)
    with standing_statistics(layer):
        forward(BATCHES[1])
        forward(BATCHES[2])
    np.testing.assert_allclose(layer.moving_mean, BATCHES[1:].mean((1, 2, 3)).mean(0), rtol=1e-5)


def test_refuses():
    with pytest.raises(ValueError, match="StandingBatchNormalization layers"), standing_statistics(keras.Sequential()):
        pass
    with pytest.raises(ValueError, match="momentum"):
        StandingBatchNormalization(momentum=1.0)


@pytest.mark.parametrize("standing", [False, True])
def test_two_replicas_normalise_by_the_global_batch(two_replicas, standing):
    single = ConditionalBatchNormalization(seed=1)
    single.build(IMAGES.shape, CONDITIONS.shape)
    with two_replicas.scope():
        layer = ConditionalBatchNormalization(seed=1)
        layer.build(IMAGES.shape, CONDITIONS.shape)
    for one in (single, layer):
        one.standing_pass.assign(float(standing))
    expected = single(IMAGES, CONDITIONS, training=True)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, CONDITIONS)).batch(6)
    halves = iter(two_replicas.experimental_distribute_dataset(data))

    @tf.function
    def run(images, conditions):
        return two_replicas.run(lambda *inputs: layer(*inputs, training=True), args=(images, conditions))

    outputs = tf.concat(two_replicas.experimental_local_results(run(*next(halves))), axis=0)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for name in ("moving_mean", "moving_variance", "standing_pass"):
        for local in two_replicas.experimental_local_results(getattr(layer, name).value):
            np.testing.assert_allclose(local, getattr(single, name), rtol=1e-5)


def test_second_order_gradients_equal_those_of_the_unfused_form():
    layer = ConditionalBatchNormalization()
    layer.build(IMAGES.shape, CONDITIONS.shape)

    def unfused(images):
        mean, variance = tf.nn.moments(images, axes=[0, 1, 2])
        gain = 1.0 + layer.gain(CONDITIONS)
        return tf.nn.batch_normalization(
            images, mean, variance, layer.bias(CONDITIONS)[:, None, None], gain[:, None, None], layer.epsilon
        )

    def penalty_gradient(normalize):
        images = tf.constant(IMAGES)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                outputs = tf.reduce_sum(tf.math.tanh(normalize(images)) ** 2)
            penalty = tf.reduce_sum(tf.square(inner.gradient(outputs, images)))
        return outer.gradient(penalty, layer.gain.kernel.value)

    values = penalty_gradient(
        lambda images: layer.normalize(images, 1.0 + layer.gain(CONDITIONS), layer.bias(CONDITIONS), training=True)
    )
    np.testing.assert_allclose(values, penalty_gradient(unfused), rtol=1e-3, atol=1e-5)
