import time

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Activations, FrechetDistance, frechet_distance, frechet_distance_from_statistics


def scipy_distance(real, fake):
    root = scipy.linalg.sqrtm(np.cov(real.T) @ np.cov(fake.T)).real
    difference = real.mean(axis=0) - fake.mean(axis=0)
    return difference @ difference + np.trace(np.cov(real.T) + np.cov(fake.T) - 2 * root)


def random_features(rows, dimensions, seed):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, dimensions)) @ generator.normal(size=(dimensions, dimensions)) + seed


def test_golden(golden):
    value = frechet_distance(golden["in/real"], golden["in/fake"])
    np.testing.assert_allclose(value, golden["out/fid"], rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_streamed_in_any_batches_equals_golden(golden, batch_size):
    metric = FrechetDistance()
    for update, features in ((metric.update_real, golden["in/real"]), (metric.update_fake, golden["in/fake"])):
        for start in range(0, len(features), batch_size):
            update(Activations(features[start : start + batch_size]))
    value, std = metric.result()
    np.testing.assert_allclose(value, golden["out/fid"], rtol=1e-6)
    assert std is None


@pytest.mark.parametrize("rows, dimensions", [((200, 100), 8), ((64, 200), 96), ((300, 20), 33)])
def test_agrees_with_scipy(rows, dimensions):
    real, fake = random_features(rows[0], dimensions, 0), random_features(rows[1], dimensions, 1)
    np.testing.assert_allclose(frechet_distance(real, fake), scipy_distance(real, fake), rtol=1e-6)


def test_closed_form_of_diagonal_gaussians():
    spread = np.random.default_rng(0).normal(size=(50, 6))
    spread = np.linalg.qr(spread - spread.mean(axis=0))[0] * np.sqrt(49)  # Covariance is exactly the identity.
    scales = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    expected = np.sum((scales - 1) ** 2) + 6 * 0.5**2
    np.testing.assert_allclose(frechet_distance(spread, spread * scales + 0.5), expected, rtol=1e-12)


def test_fewer_rows_than_dimensions_by_closed_form():
    # Few directions of a high-dimensional space: the distance is that of those directions alone.
    real, fake = random_features(40, 5, 0), random_features(30, 5, 1)
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(300, 5)))[0]
    expected = frechet_distance(real, fake)
    np.testing.assert_allclose(frechet_distance(real @ basis.T, fake @ basis.T), expected, rtol=1e-9)
    means = [(features @ basis.T).mean(axis=0) for features in (real, fake)]
    covariances = [np.cov(basis @ features.T) for features in (real, fake)]
    value = frechet_distance_from_statistics(means[0], covariances[0], means[1], covariances[1])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_symmetric_and_zero_for_equal_sets():
    real, fake = random_features(100, 16, 0), random_features(80, 16, 1)
    np.testing.assert_allclose(frechet_distance(real, fake), frechet_distance(fake, real), rtol=1e-10)
    assert abs(frechet_distance(real, real[::-1])) < 1e-9 * np.square(real).sum()


def test_takes_tensors_and_float32_far_from_zero():
    real = np.random.default_rng(0).normal(size=(500, 8)) + 1e4
    value = frechet_distance(tf.constant(real, tf.float64), tf.constant(real + 1, tf.float64))
    np.testing.assert_allclose(value, 8.0, rtol=1e-6)


def test_statistics_of_wrong_shapes():
    with pytest.raises(UserError, match="Received: shapes"):
        frechet_distance_from_statistics(np.zeros(3), np.eye(3), np.zeros(4), np.eye(4))
    with pytest.raises(UserError, match="finite"):
        frechet_distance_from_statistics(np.zeros(3), np.eye(3), np.zeros(3) * np.nan, np.eye(3))


def test_collapsed_generator_has_a_distance_in_evaluation():
    real = random_features(100, 4, 0)
    metric = FrechetDistance()
    metric.update_real(Activations(real))
    metric.update_fake(Activations(np.ones((50, 4))))
    expected = np.square(real.mean(axis=0) - 1).sum() + np.trace(np.cov(real.T))
    np.testing.assert_allclose(metric.result()[0], expected, rtol=1e-9)


def test_seconds_of_1280_dimensions():
    real, fake = random_features(1500, 1280, 0), random_features(1500, 1280, 1)
    start = time.thread_time()
    frechet_distance(real, fake)
    assert time.thread_time() - start < 8  # About 2 on the slowest machine tried; 60 with a matrix square root.
