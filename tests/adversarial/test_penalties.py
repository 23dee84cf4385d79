import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite import penalties
from tfgan_suite.adversarial.penalties import Batch
from tfgan_suite.foundation.randomness import draw_per_example, uniform

GENERATOR = np.random.default_rng(0)
REAL = tf.constant(GENERATOR.normal(size=[5, 4, 4, 2]), tf.float32)
FAKE = tf.constant(GENERATOR.normal(size=[5, 4, 4, 2]), tf.float32)
DIRECTION = tf.constant(GENERATOR.normal(size=[4, 4, 2]), tf.float32)
SEED = tf.constant([1, 2])


def linear(images, labels=None):
    """A discriminator whose gradient is DIRECTION everywhere."""
    return tf.reduce_sum(images * DIRECTION, axis=[1, 2, 3])


def quadratic(images, labels=None):
    """A discriminator whose gradient at x is x."""
    return 0.5 * tf.reduce_sum(tf.square(images), axis=[1, 2, 3])


def test_r1():
    values = penalties.R1(weight=10.0)(linear, Batch(REAL), Batch(FAKE), SEED)
    np.testing.assert_allclose(values, np.full(5, 5.0 * np.sum(np.square(DIRECTION))), rtol=1e-5)
    values = penalties.R1(weight=3.0)(quadratic, Batch(REAL), Batch(FAKE), SEED)
    np.testing.assert_allclose(values, 1.5 * np.sum(np.square(REAL), axis=(1, 2, 3)), rtol=1e-5)


def test_r2_looks_at_the_fakes_each_with_its_own_class():
    values = penalties.R2(weight=3.0)(quadratic, Batch(REAL), Batch(FAKE), SEED)
    np.testing.assert_allclose(values, 1.5 * np.sum(np.square(FAKE), axis=(1, 2, 3)), rtol=1e-5)

    def by_class(images, labels):
        """A discriminator whose gradient at x is x times one more than the class."""
        return 0.5 * tf.reduce_sum(tf.square(images), axis=[1, 2, 3]) * (1.0 + tf.cast(labels, tf.float32))

    real_labels, fake_labels = tf.constant([4, 4, 4, 4, 4]), tf.constant([0, 1, 2, 0, 1])
    values = penalties.R2(weight=2.0)(by_class, Batch(REAL, real_labels), Batch(FAKE, fake_labels), SEED)
    expected = np.sum(np.square(FAKE), axis=(1, 2, 3)) * np.square(1.0 + np.asarray(fake_labels))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_finite_differences_are_the_gradients_on_average():
    """Of a linear discriminator the value is gamma / 2 times the square of the gradient's product with the direction."""
    real, fake = (Batch(tf.tile(images, [400, 1, 1, 1])) for images in (REAL, FAKE))
    for approximate, exact, side in (
        (penalties.ApproximateR1(weight=3.0), penalties.R1(weight=3.0), REAL),
        (penalties.ApproximateR2(weight=3.0), penalties.R2(weight=3.0), FAKE),
    ):
        values = np.asarray(approximate(linear, real, fake, SEED))
        np.testing.assert_allclose(values.mean(), np.mean(exact(linear, Batch(REAL), Batch(FAKE), SEED)), rtol=0.1)
        # A squared normal number: its deviation is the root of 2 times its mean.
        assert values.std() / values.mean() == pytest.approx(np.sqrt(2.0), rel=0.15)
        values = np.asarray(approximate(quadratic, real, fake, SEED)).reshape(400, 5)
        np.testing.assert_allclose(values.mean(axis=0), exact(quadratic, Batch(side), Batch(side), SEED), rtol=0.35)


@pytest.mark.parametrize("policy, epsilon", [("mixed_float16", 0.01), ("mixed_bfloat16", 0.1)])
def test_finite_differences_in_reduced_precision(policy, epsilon):
    networks = [
        keras.Sequential(
            [
                keras.Input([16, 16, 3]),
                keras.layers.Conv2D(16, 4, strides=2, activation="leaky_relu", dtype=dtype),
                keras.layers.Conv2D(16, 4, strides=2, activation="leaky_relu", dtype=dtype),
                keras.layers.Flatten(dtype=dtype),
                keras.layers.Dense(1, dtype="float32"),
            ]
        )
        for dtype in ("float32", policy)
    ]
    networks[1].set_weights(networks[0].get_weights())
    images = tf.constant(GENERATOR.uniform(-1, 1, [64, 16, 16, 3]), tf.float32)
    penalty = penalties.ApproximateR1(weight=2.0, epsilon=epsilon)

    def mean_of(network):
        def discriminate(images, labels):
            return network(images)[:, 0]

        return np.mean([penalty(discriminate, Batch(images), None, [k, 1]) for k in range(8)])

    full, reduced = map(mean_of, networks)
    assert reduced == pytest.approx(full, rel=0.05)
    exact = np.mean(penalties.R1(weight=2.0)(lambda images, _: networks[0](images)[:, 0], Batch(images), None, SEED))
    assert full == pytest.approx(exact, rel=0.2)


def test_both_sides_of_a_difference_are_augmented_alike():
    """A discriminator that does nothing but its augmentation's draws would make a difference of its own otherwise."""
    generator = keras.Sequential([keras.Input([2]), keras.layers.Dense(16), keras.layers.Reshape([4, 4, 1])])
    discriminator = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = tg.GAN(generator, discriminator)

    def brighten(images, seed):
        return images + draw_per_example(lambda count, seed: uniform([count, 1, 1, 1], seed), len(images), seed)

    gan.compile(discriminator_penalties=[penalties.ApproximateR1(1.0)], augmentation=brighten, run_eagerly=True)
    logs = gan.train_on_batch(np.zeros([4, 4, 4, 1], "float32"), return_dict=True)
    norm = np.sum(np.square(discriminator.get_weights()[0]))
    assert 0.0 < logs["penalty/approximate_r1"] < 20 * norm  # Else of the order of 1 / epsilon^2 = 10,000 times that.


@pytest.mark.parametrize("target", [1.0, 750.0])
def test_gradient_penalty_of_a_linear_discriminator(target):
    values = penalties.GradientPenalty(weight=10.0, target=target)(linear, Batch(REAL), Batch(FAKE), SEED)
    norm = np.linalg.norm(DIRECTION)
    np.testing.assert_allclose(values, np.full(5, 10.0 * (norm - target) ** 2 / target**2), rtol=1e-4)


def test_gradient_penalty_mixes_each_pair():
    """With D = |x|^2 / 2 the gradient's norm is that of the mixed image, which lies between the two."""
    real, fake = tf.ones([64, 2, 2, 1]) * 3.0, tf.ones([64, 2, 2, 1]) * 5.0  # Norms 6 and 10.
    values = penalties.GradientPenalty(weight=1.0)(quadratic, Batch(real), Batch(fake), SEED)
    norms = np.sqrt(values) + 1.0
    assert norms.min() > 6.0 and norms.max() < 10.0 and 0.8 < norms.std() < 1.5  # Uniform on [6, 10]: 1.15.


def test_gradient_penalty_of_a_dead_discriminator_has_a_gradient():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        value = penalties.GradientPenalty()(
            lambda images, labels: weight * linear(images, labels), Batch(REAL), Batch(FAKE), SEED
        )
    assert np.isfinite(tape.gradient(value, weight))


def test_drift():
    logits = tf.constant([1.0, -2.0, 3.0])
    values = penalties.Drift(weight=0.001)(linear, Batch(REAL, logits=logits), Batch(FAKE), SEED)
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


@pytest.mark.parametrize(
    "arguments",
    [{"weight": -1.0}, {"weight": "1"}, {"weight": float("nan")}, {"weight": None}, {"interval": 0}, {"interval": 1.5}],
)
def test_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match="must be"):
        penalties.R1(**arguments)


def test_survives_saving():
    penalty = penalties.GradientPenalty(5.0, interval=4, target=750.0, name="wgan")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert again.get_config() == penalty.get_config() == {"weight": 5.0, "interval": 4, "target": 750.0, "name": "wgan"}


def test_automatic_r1_follows_size_and_batch():
    values = penalties.R1(weight="auto")(linear, Batch(REAL), Batch(FAKE), SEED)
    gamma = 0.0002 * 4 * 4 / 5
    np.testing.assert_allclose(values, np.full(5, gamma / 2 * np.sum(np.square(DIRECTION))), rtol=1e-5)
    assert penalties.R1.from_config(penalties.R1("auto", interval=16).get_config()).weight == "auto"


class LinearGenerator:
    """Images that are linear in the styles: image = sum over layers of ws[layer] @ MATRICES[layer]."""

    MATRICES = tf.constant(np.random.default_rng(3).normal(size=[2, 3, 4 * 6 * 1]), tf.float32)
    latent_size = 3

    def map(self, latents, labels):
        return tf.stack([latents, 2.0 * latents], axis=1)  # [batch, 2, 3]

    def synthesize(self, ws, noise, seed):
        assert noise == "random" and seed.shape == [2]
        return tf.reshape(tf.einsum("blw,lwp->bp", ws, self.MATRICES), [-1, 4, 6, 1])


def test_path_lengths_of_a_linear_generator():
    ws = tf.zeros([5, 2, 3])
    noise = tf.constant(np.random.default_rng(4).normal(size=[5, 4, 6, 1]), tf.float32)
    lengths = penalties.path_lengths(LinearGenerator(), ws, SEED, noise)
    gradients = np.einsum("lwp,bp->blw", LinearGenerator.MATRICES, tf.reshape(noise, [5, -1]))
    np.testing.assert_allclose(lengths, np.sqrt(np.square(gradients).sum(axis=2).mean(axis=1)), rtol=1e-5)


def test_path_length_noise_does_not_depend_on_the_size_of_the_image():
    """E ||J^T y||^2 with y normal / sqrt(pixels) is ||J||^2 / pixels, averaged over the layers."""
    lengths = penalties.path_lengths(LinearGenerator(), tf.zeros([4000, 2, 3]), SEED)
    expected = np.square(LinearGenerator.MATRICES).sum() / 2 / (4 * 6)
    np.testing.assert_allclose(np.mean(np.square(lengths)), expected, rtol=0.05)


def test_path_length_compares_with_its_running_mean():
    penalty = penalties.PathLength(weight=3.0, decay=0.25, batch_shrink=2)
    (mean_length,) = penalty.make_state()
    mean_length.assign(2.0)
    values = penalty(LinearGenerator(), tf.ones([6, 3]), None, SEED)
    assert values.shape == [3]
    new_mean = float(np.asarray(mean_length))
    lengths = new_mean + np.sqrt(np.asarray(values) / 3.0) * [[1], [-1]]  # Either root; one fits the mean.
    sums = [np.mean(choice) for choice in np.array(np.meshgrid(*lengths.T)).reshape(3, -1).T]
    assert min(abs(2.0 + 0.25 * (one - 2.0) - new_mean) for one in sums) < 1e-5
    assert new_mean != 2.0


def test_path_length_config():
    penalty = penalties.PathLength(weight=1.5, interval=8, decay=0.1, batch_shrink=4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert again.get_config() == penalty.get_config()
    with pytest.raises(ValueError, match="`decay` must be in"):
        penalties.PathLength(decay=0.0)
    with pytest.raises(ValueError, match="`batch_shrink` must be >= 1"):
        penalties.PathLength(batch_shrink=0)


@pytest.mark.parametrize("shape", [(5, 5), (3, 16), (16, 3)])
def test_orthogonal_of_any_shape(shape):
    matrix = np.random.default_rng(5).normal(size=shape).astype("float32")
    products = matrix.T @ matrix
    expected = np.square(products - np.diag(np.diag(products))).sum()
    layer = keras.layers.Dense(shape[1], use_bias=False)
    layer.build([None, shape[0]])
    layer.set_weights([matrix])
    values = penalties.Orthogonal(weight=0.5)(layer, tf.zeros([2, 1]), None, SEED)
    np.testing.assert_allclose(values, [0.5 * expected] * 2, rtol=1e-4)
