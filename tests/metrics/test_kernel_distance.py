import importlib

import numpy as np
import pytest

from tfgan_suite.metrics import Activations, KernelDistance, kernel_distance, kernel_distance_subsets

# The package's attribute of that name is the function.
MODULE = importlib.import_module("tfgan_suite.metrics.kernel_distance")


def naive(real, fake):
    """The definition, pair by pair."""

    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    def mean(pairs):
        return np.mean([kernel(x, y) for x, y in pairs])

    def distinct(rows):
        return [(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]

    return mean(distinct(real)) + mean(distinct(fake)) - 2 * mean([(x, y) for x in real for y in fake])


def random_features(rows, seed, dimensions=6):
    return np.random.default_rng(seed).normal(size=(rows, dimensions)) + 0.1 * seed


def test_golden(golden):
    rows = min(len(golden["in/real"]), len(golden["in/fake"]))
    value = kernel_distance(golden["in/real"][:rows], golden["in/fake"][:rows])
    np.testing.assert_allclose(value, golden["out/kid_unbiased_first_min_n"], rtol=1e-6)


def test_definition_with_unequal_counts():
    real, fake = random_features(13, 0), random_features(9, 1)
    np.testing.assert_allclose(kernel_distance(real, fake), naive(real, fake), rtol=1e-12)


def test_blocks_change_nothing(monkeypatch):
    real, fake = random_features(70, 0), random_features(50, 1)
    expected = kernel_distance(real, fake)
    monkeypatch.setattr(MODULE, "_TILE_ROWS", 16)
    np.testing.assert_allclose(kernel_distance(real, fake), expected, rtol=1e-12)


def test_unbiased_for_small_sets():
    generator = np.random.default_rng(0)
    values = [kernel_distance(generator.normal(size=(20, 4)), generator.normal(size=(20, 4))) for _ in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)


@pytest.mark.parametrize("large_rows", [0, 10_000])
def test_subsets_are_the_same_one_by_one_and_at_once(monkeypatch, large_rows):
    monkeypatch.setattr(MODULE, "_LARGE_ROWS", large_rows)
    monkeypatch.setattr(MODULE, "_TILE_ROWS", 16)
    real, fake = random_features(60, 0), random_features(45, 1)
    mean, std = kernel_distance_subsets(real, fake, num_subsets=7, subset_size=20, seed=3)
    generator = np.random.default_rng(3)
    values = [
        naive(real[generator.choice(60, 20, replace=False)], fake[generator.choice(45, 20, replace=False)])
        for _ in range(7)
    ]
    np.testing.assert_allclose([mean, std], [np.mean(values), np.std(values)], rtol=1e-10)


def test_streamed_in_batches():
    real, fake = random_features(60, 0).astype("float32"), random_features(45, 1).astype("float32")
    metric = KernelDistance(num_subsets=5, subset_size=30)
    for update, features in ((metric.update_real, real), (metric.update_fake, fake)):
        for start in range(0, len(features), 16):
            update(Activations(features[start : start + 16]))
    assert metric.result() == kernel_distance_subsets(real, fake, num_subsets=5, subset_size=30)


def test_collapsed_generator_and_small_sets_have_a_distance():
    metric = KernelDistance()
    metric.update_real(Activations(random_features(30, 0)))
    metric.update_fake(Activations(np.ones((20, 6))))
    value, _ = metric.result()
    assert value > 1
