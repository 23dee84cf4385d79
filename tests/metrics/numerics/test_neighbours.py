import importlib

import numpy as np
import pytest
import scipy.spatial

from tfgan_suite.metrics import (
    Activations,
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    nearest_neighbours,
    precision_recall,
)

MODULE = importlib.import_module("tfgan_suite.metrics.numerics.neighbours")


def naive(real, fake, k):
    """The papers' definitions on whole matrices of distances: precision, recall, density, coverage."""
    between = scipy.spatial.distance.cdist(real, fake)
    radii = [np.sort(scipy.spatial.distance.cdist(one, one), axis=1)[:, k] for one in (real, fake)]
    inside = between < radii[0][:, None]
    recall = (between <= radii[1]).any(axis=1).mean()
    return inside.any(axis=0).mean(), recall, inside.sum() / (k * len(fake)), inside.any(axis=1).mean()


def random_features(rows, dimensions, seed):
    return np.random.default_rng(seed).normal(size=(rows, dimensions)) + 0.3 * seed


@pytest.mark.parametrize("k", [3, 5])
def test_golden(golden, k):
    real, fake = golden["in/real"], golden["in/fake"]
    np.testing.assert_allclose(precision_recall(real, fake, k), golden[f"out/precision_recall_k{k}"], rtol=1e-6)
    np.testing.assert_allclose(density_coverage(real, fake, k), golden[f"out/density_coverage_k{k}"], rtol=1e-6)


@pytest.mark.parametrize("rows, dimensions, k", [((90, 70), 4, 3), ((40, 90), 130, 1), ((21, 30), 2, 20)])
@pytest.mark.parametrize("block_numbers", [1, 1000, 2**23])
def test_definition_in_any_blocks(monkeypatch, rows, dimensions, k, block_numbers):
    monkeypatch.setattr(MODULE, "_BLOCK_NUMBERS", block_numbers)
    real, fake = random_features(rows[0], dimensions, 0), random_features(rows[1], dimensions, 1)
    values = (*precision_recall(real, fake, k), *density_coverage(real, fake, k))
    np.testing.assert_allclose(values, naive(real, fake, k), rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_equal_sets_have_ones_although_every_ball_ends_at_a_point(offset):
    real = random_features(300, 64, 0) + offset
    assert precision_recall(real, real[::-1]) == (1.0, 1.0)
    assert density_coverage(real, real[::-1]) == (1.0, 1.0)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("dimensions", [1, 3, 200])
def test_equal_sets_with_repeated_rows(k, dimensions):
    """Precision and recall are ones; density and coverage are those of open balls, as in the authors' code."""
    generator = np.random.default_rng(k)
    rows = generator.normal(size=(40, dimensions)).astype(np.float32)
    repeated = rows[generator.integers(0, 40, 90)]
    others = generator.permutation(repeated)
    assert precision_recall(repeated, others, k) == (1.0, 1.0)
    # Every distance is one of a list, so that equal rows have exactly equal ones.
    _, ids = np.unique(repeated, axis=0, return_inverse=True)
    squares = scipy.spatial.distance.cdist(repeated.astype(float), repeated.astype(float), "sqeuclidean")
    squares[ids[:, None] == ids] = 0.0
    radii = np.sort(squares, axis=1)[:, k]
    inside = squares < radii[:, None] * (1 - 1e-12)
    expected = inside.sum() / (k * 90), inside.any(axis=1).mean()
    np.testing.assert_allclose(density_coverage(repeated, others, k), expected, rtol=1e-12)
    if k < 3:
        assert expected[1] < 1  # Some rows occur more than k times.


def test_far_sets_have_zeros_and_lost_modes_cost_recall():
    real, far = random_features(100, 8, 0), random_features(100, 8, 0) + 100
    assert precision_recall(real, far) == density_coverage(real, far) == (0.0, 0.0)
    both = np.concatenate([real, far])
    assert precision_recall(both, far) == (1.0, 0.5)
    assert density_coverage(both, far)[1] == 0.5


def test_nearest_neighbours_are_those_of_a_tree():
    queries, references = random_features(50, 5, 1), random_features(200, 5, 0)
    distances, indices = nearest_neighbours(queries, references, k=4)
    expected = scipy.spatial.cKDTree(references).query(queries, k=4)
    np.testing.assert_allclose(distances, expected[0], rtol=1e-12)
    np.testing.assert_array_equal(indices, expected[1])


def test_copies_are_found_at_distance_zero_far_from_the_origin():
    references = random_features(100, 512, 0) + 1e3
    distances, indices = nearest_neighbours(references[[7, 42]], references)
    assert distances.tolist() == [[0.0], [0.0]] and indices.tolist() == [[7], [42]]


@pytest.mark.parametrize("metric", [PrecisionRecall(k=4), DensityCoverage(k=4)])
def test_in_evaluation_from_batches_and_from_kept_arrays(metric):
    real, fake = random_features(60, 6, 0).astype("float32"), random_features(45, 6, 1).astype("float32")
    function = precision_recall if isinstance(metric, PrecisionRecall) else density_coverage
    for start in range(0, 60, 16):
        metric.update_real(Activations(real[start : start + 16]))
    again = metric.fresh()
    again.set_real_arrays(metric.real_arrays())
    for one in (metric, again):
        one.update_fake(Activations(fake))
        results = one.results()
        assert list(results) == list(one.directions)
        np.testing.assert_allclose([value for value, _ in results.values()], function(real, fake, 4), rtol=1e-12)


def test_collapsed_generator_has_scores_in_evaluation():
    real = random_features(60, 6, 0)
    for metric, expected in ((PrecisionRecall(), (1.0, 1 / 60)), (DensityCoverage(), None)):
        metric.update_real(Activations(real))
        metric.update_fake(Activations(np.repeat(real[:1], 20, axis=0)))
        values = [value for value, _ in metric.results().values()]
        if expected:
            np.testing.assert_allclose(values, expected)
        else:
            assert values[1] < 0.3


def test_progress_is_shown(capsys):
    precision_recall(random_features(20, 3, 0), random_features(20, 3, 1), progress=True)
    assert "neighbors: 20 of 20" in capsys.readouterr().err
