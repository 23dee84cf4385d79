import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite import penalties

GENERATOR = np.random.default_rng(0)
REAL = tf.constant(GENERATOR.normal(size=[5, 4, 4, 2]), tf.float32)
FAKE = tf.constant(GENERATOR.normal(size=[5, 4, 4, 2]), tf.float32)
DIRECTION = tf.constant(GENERATOR.normal(size=[4, 4, 2]), tf.float32)
SEED = tf.constant([1, 2])


def linear(images):
    """A discriminator whose gradient is DIRECTION everywhere."""
    return tf.reduce_sum(images * DIRECTION, axis=[1, 2, 3])


def quadratic(images):
    """A discriminator whose gradient at x is x."""
    return 0.5 * tf.reduce_sum(tf.square(images), axis=[1, 2, 3])


def test_r1():
    values = penalties.R1(weight=10.0)(linear, REAL, FAKE, None, SEED)
    np.testing.assert_allclose(values, np.full(5, 5.0 * np.sum(np.square(DIRECTION))), rtol=1e-5)
    values = penalties.R1(weight=3.0)(quadratic, REAL, FAKE, None, SEED)
    np.testing.assert_allclose(values, 1.5 * np.sum(np.square(REAL), axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("target", [1.0, 750.0])
def test_gradient_penalty_of_a_linear_discriminator(target):
    values = penalties.GradientPenalty(weight=10.0, target=target)(linear, REAL, FAKE, None, SEED)
    norm = np.linalg.norm(DIRECTION)
    np.testing.assert_allclose(values, np.full(5, 10.0 * (norm - target) ** 2 / target**2), rtol=1e-4)


def test_gradient_penalty_mixes_each_pair():
    """With D = |x|^2 / 2 the gradient's norm is that of the mixed image, which lies between the two."""
    real, fake = tf.ones([64, 2, 2, 1]) * 3.0, tf.ones([64, 2, 2, 1]) * 5.0  # Norms 6 and 10.
    values = penalties.GradientPenalty(weight=1.0)(quadratic, real, fake, None, SEED)
    norms = np.sqrt(values) + 1.0
    assert norms.min() > 6.0 and norms.max() < 10.0 and 0.8 < norms.std() < 1.5  # Uniform on [6, 10]: 1.15.


def test_gradient_penalty_of_a_dead_discriminator_has_a_gradient():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        value = penalties.GradientPenalty()(lambda images: weight * linear(images), REAL, FAKE, None, SEED)
    assert np.isfinite(tape.gradient(value, weight))


def test_drift():
    logits = tf.constant([1.0, -2.0, 3.0])
    values = penalties.Drift(weight=0.001)(linear, REAL, FAKE, logits, SEED)
    np.testing.assert_allclose(values, [0.001, 0.004, 0.009], rtol=1e-6)


def test_orthogonal():
    network = keras.Sequential([keras.Input([3]), keras.layers.Dense(4), keras.layers.Dense(2, use_bias=False)])
    values = penalties.Orthogonal(weight=0.5)(network, tf.zeros([7, 3]), None, SEED)
    expected = 0.0
    for layer in network.layers:
        kernel = np.asarray(layer.kernel, "float64")
        products = kernel.T @ kernel
        expected += np.sum(products**2) - np.sum(np.diag(products) ** 2)
    np.testing.assert_allclose(values, np.full(7, 0.5 * expected), rtol=1e-5)


@pytest.mark.parametrize("arguments", [{"weight": -1.0}, {"interval": 0}, {"interval": 1.5}])
def test_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match="Expected"):
        penalties.R1(**arguments)


def test_survives_saving():
    penalty = penalties.GradientPenalty(5.0, interval=4, target=750.0, name="wgan")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert again.get_config() == penalty.get_config() == {"weight": 5.0, "interval": 4, "target": 750.0, "name": "wgan"}
