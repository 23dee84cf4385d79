"""Distributions of pixels, against the reference's numbers and closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.golden_vectors import assert_near, load_golden
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import Bernoulli, DiscretizedGaussian, DiscretizedLogisticMixture
from tfgan_suite.likelihood.level_grid import check_levels, to_levels, to_values


def _golden(name):
    """The arrays of a file, channels last."""
    golden = load_golden(f"likelihood/{name}")
    if name.startswith("mixture_grey"):
        golden = {
            key: value.transpose(0, 2, 3, 1) if value.ndim == 4 and not key.startswith("in/u") else value
            for key, value in golden.items()
        }
    return golden


@pytest.mark.parametrize(("name", "components"), [("mixture_grey_5", 5), ("mixture_rgb_5", 5), ("mixture_rgb_10", 10)])
def test_mixture_equals_the_reference(name, components):
    golden = _golden(name)
    mixture, parameters = DiscretizedLogisticMixture(components), tf.constant(golden["in/parameters"])
    images = check_levels(golden["in/image"], 256)
    np.testing.assert_allclose(images, golden["in/x"], atol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_mass = mixture.log_mass(images, parameters, 256)
        total = -tf.reduce_sum(log_mass)
    # A pixel here and there is closer to float64 than the reference, which subtracts two sigmoids.
    np.testing.assert_allclose(-log_mass, golden["out/nats_per_pixel"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(-np.sum(log_mass, axis=(1, 2)), golden["out/nats"], rtol=2e-5)
    gradient, expected = tape.gradient(total, parameters).numpy(), golden["out/grad_parameters"]
    assert np.linalg.norm(gradient - expected) <= 1e-3 * np.linalg.norm(expected)
    draws = {"component": golden["in/u_mixture"], "value": golden["in/u_logistic"]}
    channels = images.shape[-1]
    sample = mixture.sample(parameters, channels, None, lambda name, shape: tf.constant(draws[name]))
    assert_near(sample, golden["out/sample"])
    rounded = mixture.sample(parameters, channels, 256, lambda name, shape: tf.constant(draws[name]))
    np.testing.assert_allclose(rounded, to_values(to_levels(rounded, 256), 256), atol=1e-7)


def all_levels(num_levels):
    """Every gray pixel, `[num_levels, 1, 1, 1]`."""
    return to_values(tf.range(num_levels), num_levels)[:, None, None, None]


@pytest.mark.parametrize("num_levels", [2, 3, 17, 32, 256])
@pytest.mark.parametrize("distribution", [DiscretizedLogisticMixture(3), DiscretizedGaussian()])
def test_masses_sum_to_one(num_levels, distribution):
    generator = np.random.default_rng(num_levels)
    size = distribution.num_parameters(1)
    for scale in (0.3, 1.0, 2.0):
        parameters = np.repeat(generator.normal(0, scale, [1, 1, 1, size]), num_levels, axis=0).astype("float32")
        masses = tf.exp(distribution.log_mass(all_levels(num_levels), tf.constant(parameters), num_levels))
        assert abs(float(tf.reduce_sum(masses)) - 1.0) < 2e-4


@pytest.mark.parametrize("num_levels", [2, 3, 5])
@pytest.mark.parametrize("components", [1, 2])
def test_masses_of_colors_sum_to_one(num_levels, components):
    grid = np.stack(np.meshgrid(*[range(num_levels)] * 3, indexing="ij"), -1).reshape(-1, 1, 1, 3)
    mixture = DiscretizedLogisticMixture(components)
    parameters = (
        np.random.default_rng(0).normal(0, 1, [1, 1, 1, 10 * components]).astype("float32").repeat(len(grid), 0)
    )
    masses = tf.exp(mixture.log_mass(to_values(grid, num_levels), tf.constant(parameters), num_levels))
    assert abs(float(tf.reduce_sum(masses)) - 1.0) < 2e-4


@pytest.mark.parametrize("num_levels", [2, 3, 17, 256])
def test_levels_as_float32_are_on_the_grid_and_levels_of_another_scale_are_not(num_levels):
    levels = np.arange(num_levels)
    for values in (levels / ((num_levels - 1) / 2) - 1, (levels / (num_levels - 1)) * 2 - 1):
        np.testing.assert_array_equal(to_levels(check_levels(values.astype("float32"), num_levels), num_levels), levels)
    for values in (levels / 255, levels / max(num_levels, 3)):  # With three levels these lie near 0, the middle one.
        with pytest.raises(UserError, match=f"grid of {num_levels} levels"):
            check_levels(values.astype("float32"), num_levels)


@pytest.mark.parametrize("mean", [-1.3, -0.2, 0.9])
@pytest.mark.parametrize("log_deviation", [-4.0, -1.0, 0.7])
def test_gaussian_equals_scipy(mean, log_deviation):
    parameters = tf.constant([mean, log_deviation], shape=[1, 1, 1, 2])
    log_masses = DiscretizedGaussian().log_mass(all_levels(16), tf.repeat(parameters, 16, axis=0), 16).numpy()[:, 0, 0]
    edges = np.concatenate([[-np.inf], np.linspace(-1, 1, 16)[:-1] + 1 / 15, [np.inf]])
    scaled = (edges - mean) / np.exp(log_deviation)
    lower = np.diff(stats.norm.cdf(scaled))
    expected = np.log(np.where(lower > 1e-12, lower, -np.diff(stats.norm.sf(scaled))) + 1e-300)
    reliable = expected > np.log(1e-25)
    np.testing.assert_allclose(log_masses[reliable], expected[reliable], rtol=2e-4, atol=1e-5)
    assert np.isfinite(log_masses).all()


def test_gaussian_far_away_has_gradients():
    parameters = tf.Variable(tf.constant([0.0, -6.0], shape=[1, 1, 1, 2]))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_sum(DiscretizedGaussian().log_mass(tf.ones([1, 1, 1, 1]) * 0.5, parameters, 256))
    gradient = tape.gradient(loss, parameters).numpy().ravel()
    assert np.isfinite(gradient).all() and gradient[0] < 0 and gradient[1] < 0  # Toward the pixel, and wider.


def test_bernoulli_equals_cross_entropy():
    logits = np.random.default_rng(0).normal(0, 3, [4, 2, 2, 1]).astype("float32")
    bits = np.random.default_rng(1).integers(0, 2, logits.shape)
    expected = keras.losses.binary_crossentropy(bits.astype("float32"), logits, from_logits=True)
    np.testing.assert_allclose(Bernoulli().log_mass(to_values(bits, 2), logits, 2), -expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distribution", [DiscretizedLogisticMixture(2), DiscretizedGaussian(), Bernoulli()])
def test_samples_follow_the_masses(distribution):
    """Shares of 20,000 draws against the masses, by a chi-squared test."""
    num_levels, count = distribution.num_levels or 5, 20_000
    parameters = np.random.default_rng(2).normal(0, 0.5, [1, 1, 1, distribution.num_parameters(1)]).astype("float32")
    masses = np.exp(distribution.log_mass(all_levels(num_levels), parameters.repeat(num_levels, 0), num_levels))
    generator = np.random.default_rng(0)
    samples = distribution.sample(
        tf.constant(parameters.repeat(count, 0)),
        1,
        num_levels,
        lambda name, shape: tf.constant(generator.uniform(1e-5, 1 - 1e-5, [count, *shape]).astype("float32")),
    )
    counts = np.bincount(to_levels(samples, num_levels).numpy().ravel(), minlength=num_levels)
    expected = masses.ravel().astype("float64") / masses.sum(dtype="float64") * count
    assert expected.min() > 5
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    # And their mean is the expected image, up to what is clipped away beyond the end levels.
    if isinstance(distribution, Bernoulli):
        assert abs(float(tf.reduce_mean(samples)) - float(distribution.mean(parameters, 1)[0, 0, 0, 0])) < 0.03


def test_temperature_zero_is_what_is_most_likely():
    mixture = DiscretizedLogisticMixture(2)
    parameters = tf.constant([3.0, 0.0, 0.25, -0.5, 0.0, 0.0], shape=[1, 1, 1, 6])  # Logits, means, log-scales.
    sample = mixture.sample(parameters, 1, None, lambda name, shape: tf.fill([1, *shape], 0.9), temperature=0.0)
    np.testing.assert_allclose(sample, 0.25, atol=1e-4)


@pytest.mark.parametrize("log_scale", [-100.0, -7.0, 20.0, 60.0, 100.0])
def test_gradients_of_a_mixture_are_finite_at_any_scale(log_scale):
    """Scales as they occur in the first steps of a network whose outputs are not bounded."""
    parameters = tf.constant([[0.0, 0.0, 0.3, -0.3, log_scale, log_scale]])[None, None]
    images = tf.reshape(tf.linspace(-1.0, 1.0, 16), [1, 1, 16, 1])
    parameters = tf.tile(parameters, [1, 1, 16, 1])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_mass = DiscretizedLogisticMixture(2).log_mass(images, parameters, 16)
    assert np.isfinite(log_mass).all() and np.isfinite(tape.gradient(log_mass, parameters)).all()
