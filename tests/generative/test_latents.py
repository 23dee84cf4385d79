import keras
import numpy as np
import pytest
import scipy.stats

from tfgan_suite import latents
from tfgan_suite.foundation.randomness import fold


def test_uniform():
    values = latents.Uniform().sample([4000, 4], fold(0)).numpy()
    assert values.min() >= -1 and values.max() < 1 and abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1 / np.sqrt(3), rel=0.02)


def test_normal():
    values = latents.Normal().sample([4000, 4], fold(0)).numpy()
    assert abs(values.mean()) < 0.03 and values.std() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("distribution", [latents.Uniform(), latents.Normal()])
def test_truncation_scales(distribution):
    whole, half = (distribution.sample([10, 4], fold(3), truncation) for truncation in (1.0, 0.5))
    np.testing.assert_allclose(half, 0.5 * whole, rtol=1e-6)


@pytest.mark.parametrize("truncation", [0.02, 0.4, 0.95])
def test_truncated_normal_is_scipys(truncation):
    values = latents.TruncatedNormal(threshold=2.5).sample([5000, 4], fold(1), truncation).numpy().ravel()
    bound = 2.5 * truncation
    assert np.abs(values).max() <= np.float32(bound)
    # 20,000 values: a distance that a right sampler exceeds once in 10,000 times or so is 0.0158.
    assert scipy.stats.kstest(values, scipy.stats.truncnorm(-bound, bound).cdf).statistic < 0.0158
    shares = scipy.stats.norm.cdf(latents.Normal().sample([5000, 4], fold(1)).numpy().ravel())
    np.testing.assert_allclose(values, scipy.stats.truncnorm(-bound, bound).ppf(shares), rtol=0, atol=2e-5 * bound)


def test_scaled_truncated_normal_is_scipys_times_the_truncation():
    distribution = latents.ScaledTruncatedNormal()
    for truncation in (0.3, 1.0):
        values = distribution.sample([5000, 4], fold(1), truncation).numpy().ravel() / truncation
        assert np.abs(values).max() <= 2.0
        assert scipy.stats.kstest(values, scipy.stats.truncnorm(-2, 2).cdf).statistic < 0.0158
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(distribution))
    assert type(again) is latents.ScaledTruncatedNormal and again.threshold == 2.0


def test_truncated_normal_at_its_ends():
    distribution = latents.TruncatedNormal()
    whole = distribution.sample([1000, 4], fold(2))
    np.testing.assert_array_equal(whole, latents.Normal().sample([1000, 4], fold(2)))
    np.testing.assert_array_equal(distribution.sample([3, 4], fold(2), 0.0), np.zeros([3, 4]))
    # The order of the values does not change: each moves towards the middle by itself.
    half = distribution.sample([1000, 4], fold(2), 0.5).numpy()
    order = np.argsort(whole.numpy().ravel(), kind="stable")
    assert (np.diff(half.ravel()[order]) >= 0).all()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(latents.TruncatedNormal(1.5)))
    assert again.threshold == 1.5
    with pytest.raises(ValueError, match="must be > 0"):
        latents.TruncatedNormal(0.0)


def test_straight_interpolation():
    path = latents.interpolate(np.array([0.0, 2.0]), np.array([4.0, 0.0]), steps=5)
    np.testing.assert_allclose(path, [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]])


def test_spherical_interpolation():
    start, end = np.array([2.0, 0.0]), np.array([0.0, 4.0])
    path = latents.interpolate(start, end, steps=3, spherical=True)
    np.testing.assert_allclose(path[[0, 2]], [start, end], atol=1e-6)
    np.testing.assert_allclose(path[1], 3.0 * np.array([np.sqrt(0.5), np.sqrt(0.5)]), rtol=1e-6)  # 45 degrees.


def test_spherical_interpolation_of_opposite_points_is_straight():
    path = latents.interpolate(np.array([1.0, 0.0]), np.array([-1.0, 0.0]), steps=3, spherical=True)
    assert np.isfinite(path).all()


def test_one_step_is_refused():
    with pytest.raises(ValueError, match="must be >= 2"):
        latents.interpolate(np.zeros(2), np.ones(2), steps=1)
