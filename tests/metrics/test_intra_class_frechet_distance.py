import numpy as np
import pytest
import scipy.linalg

from tests.metrics.conftest import HOSTILE_PAIRS
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Activations, IntraClassFrechetDistance, frechet_distance, intra_class_frechet_distance


def labelled_features(counts, dimensions, seed):
    """Features [rows, dimensions] of classes with means and spreads of their own, in random order."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    features = generator.normal(size=(len(labels), dimensions)) * (1 + labels[:, None]) + 3 * labels[:, None]
    return features, labels


def scipy_distance(real, fake):
    root = scipy.linalg.sqrtm(np.cov(real.T) @ np.cov(fake.T)).real
    return np.square(real.mean(0) - fake.mean(0)).sum() + np.trace(np.cov(real.T) + np.cov(fake.T) - 2 * root)


def test_mean_of_each_class_by_scipy():
    real, real_labels = labelled_features([60, 80, 50], 6, 0)
    fake, fake_labels = labelled_features([50, 40, 70], 6, 1)
    mean, classes = intra_class_frechet_distance(real, real_labels, fake, fake_labels)
    expected = [scipy_distance(real[real_labels == label], fake[fake_labels == label]) for label in range(3)]
    np.testing.assert_allclose([classes[label]["value"] for label in range(3)], expected, rtol=1e-6)
    np.testing.assert_allclose(mean, np.mean(expected), rtol=1e-6)  # Not weighted by the counts.
    assert [(part["num_real"], part["num_fake"]) for part in classes.values()] == [(60, 50), (80, 40), (50, 70)]


def test_swapped_classes_are_seen_here_and_not_over_all_images():
    real, labels = labelled_features([100, 100], 4, 0)
    assert abs(frechet_distance(real, real)) < 1e-6
    mean, _ = intra_class_frechet_distance(real, labels, real, 1 - labels)
    assert mean > 4 * 3**2 * 0.8  # Means that are 3 apart in each of 4 dimensions.


def test_fewer_rows_than_dimensions_by_closed_form():
    real, real_labels = labelled_features([7, 9], 3, 0)
    fake, fake_labels = labelled_features([5, 6], 3, 1)
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(200, 3)))[0]
    few, _ = intra_class_frechet_distance(real, real_labels, fake, fake_labels)
    many, _ = intra_class_frechet_distance(real @ basis.T, real_labels, fake @ basis.T, fake_labels)
    np.testing.assert_allclose(many, few, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 13, 1000])
def test_metric_is_the_function_in_any_batches_and_after_the_cache(batch_size):
    sets = labelled_features([60, 80], 5, 0), labelled_features([30, 40], 5, 1)
    metric, from_cache = IntraClassFrechetDistance(), IntraClassFrechetDistance()
    for (features, labels), update in zip(sets, (metric.update_real, metric.update_fake)):
        for start in range(0, len(labels), batch_size):
            rows = slice(start, start + batch_size)
            update(Activations(features[rows].astype(np.float32), labels=labels[rows]))
    mean, classes = intra_class_frechet_distance(*sets[0], *sets[1])
    value, std = metric.result()
    np.testing.assert_allclose(value, mean, rtol=1e-5)
    np.testing.assert_allclose(std, np.std([part["value"] for part in classes.values()]), rtol=1e-5)
    from_cache.set_real_arrays(metric.real_arrays())
    from_cache.update_fake(Activations(sets[1][0].astype(np.float32), labels=sets[1][1]))
    np.testing.assert_allclose(from_cache.result(), (value, std), rtol=1e-6)
    assert from_cache.classes()[1]["num_real"] == 80


def test_a_collapsed_class_has_a_distance_in_evaluation_and_is_refused_as_an_array():
    real, labels = labelled_features([50, 50], 4, 0)
    fake = np.where(labels[:, None] == 0, real, 1.0)
    with pytest.raises(UserError, match="All 50 rows of the fake features of class 1 are the same"):
        intra_class_frechet_distance(real, labels, fake, labels)
    metric = IntraClassFrechetDistance()
    metric.update_real(Activations(real, labels=labels))
    metric.update_fake(Activations(fake, labels=labels))
    metric.result()
    second = real[labels == 1]
    expected = np.square(second.mean(axis=0) - 1).sum() + np.trace(np.cov(second.T))
    np.testing.assert_allclose(metric.classes()[1]["value"], expected, rtol=1e-9)


@pytest.mark.parametrize("real, fake, message", HOSTILE_PAIRS.values())
def test_hostile_features(real, fake, message):
    with pytest.raises(UserError, match=message):
        intra_class_frechet_distance(real, np.zeros(len(real), int), fake, np.zeros(len(fake), int))


@pytest.mark.parametrize(
    "fake_labels, message",
    [
        ([0] * 19 + [1], "1 of 2 classes, such as 10 real and 1 fake of class 1"),
        ([0] * 9 + [1] * 9 + [2, 2], "such as 0 real and 2 fake of class 2"),
        ([0.0, 1.0] * 10, "integer array"),
        ([0, 1], "20 entries"),
        ([0, -1] * 10, "-1 to 0"),
    ],
)
def test_labels_that_do_not_fit(fake_labels, message):
    features = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(UserError, match=message):
        intra_class_frechet_distance(features, np.arange(20) % 2, features, np.array(fake_labels))
