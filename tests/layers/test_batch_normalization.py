import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.batch_normalization import BatchNormalization

IMAGES = np.random.default_rng(0).normal(2.0, 3.0, [6, 5, 4, 3]).astype("float32")


def test_contract():
    run_layer_test(BatchNormalization, {"momentum": 0.8}, tf.constant(IMAGES), IMAGES.shape)


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (120, 3)])
def test_equals_numpy(shape):
    inputs = IMAGES.reshape(shape)
    layer = BatchNormalization(momentum=0.9, epsilon=1e-3)
    outputs = layer(inputs, training=True)
    axes = tuple(range(len(shape) - 1))
    mean, variance = inputs.mean(axes, dtype="float64"), inputs.var(axes, dtype="float64")
    np.testing.assert_allclose(outputs, (inputs - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-5)
    inference = layer(inputs, training=False)
    expected = (inputs - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-3)
    np.testing.assert_allclose(inference, expected, rtol=1e-4, atol=1e-5)


def test_two_replicas_normalise_by_the_global_batch(two_replicas):
    single = BatchNormalization()
    expected = single(IMAGES, training=True)
    with two_replicas.scope():
        layer = BatchNormalization()
        layer.build(IMAGES.shape)
    halves = iter(two_replicas.experimental_distribute_dataset(tf.data.Dataset.from_tensors(IMAGES).unbatch().batch(6)))

    @tf.function
    def run(images):
        return two_replicas.run(lambda images: layer(images, training=True), args=(images,))

    outputs = tf.concat(two_replicas.experimental_local_results(run(next(halves))), axis=0)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for name in ("moving_mean", "moving_variance"):
        for local in two_replicas.experimental_local_results(getattr(layer, name).value):
            np.testing.assert_allclose(local, getattr(single, name), rtol=1e-5)


def test_second_order_gradients_equal_those_of_the_unfused_form():
    """What an R1 penalty needs."""
    layer = BatchNormalization()
    layer.build(IMAGES.shape)

    def unfused(images):
        mean, variance = tf.nn.moments(images, axes=[0, 1, 2])
        return tf.nn.batch_normalization(images, mean, variance, layer.beta.value, layer.gamma.value, layer.epsilon)

    def penalty_gradient(normalize):
        images = tf.constant(IMAGES)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                outputs = tf.reduce_sum(tf.math.tanh(normalize(images)) ** 2)
            penalty = tf.reduce_sum(tf.square(inner.gradient(outputs, images)))
        return outer.gradient(penalty, layer.gamma.value)

    np.testing.assert_allclose(
        penalty_gradient(lambda images: layer(images, training=True)), penalty_gradient(unfused), rtol=1e-3
    )
