import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_statistics import FeatureStatistics

FEATURES = np.random.default_rng(0).normal(size=(2500, 5)) * [1, 10, 0.1, 1, 1] + [1e6, 0, 5, -3, 0]


def gathered(features, batch_size):
    statistics = FeatureStatistics()
    for start in range(0, len(features), batch_size):
        statistics.update(features[start : start + batch_size])
    return statistics


@pytest.mark.parametrize("batch_size", [1, 64, 999, 2500])
def test_any_batch_size_gives_numpys_mean_and_covariance(batch_size):
    statistics = gathered(FEATURES, batch_size)
    assert statistics.count == 2500
    np.testing.assert_allclose(statistics.mean, FEATURES.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(FEATURES.T), rtol=1e-6, atol=1e-9)


def test_merged_parts_equal_the_whole():
    parts = [gathered(FEATURES[:700], 64), gathered(FEATURES[700:], 100), FeatureStatistics()]
    merged = FeatureStatistics()
    for part in parts:
        merged.merge(part)
    np.testing.assert_allclose(merged.covariance, np.cov(FEATURES.T), rtol=1e-6, atol=1e-9)
    assert merged.count == 2500 and parts[0].count == 700


def test_kept_arrays_go_on_where_they_stopped():
    restored = FeatureStatistics.from_arrays(gathered(FEATURES[:1300], 64).to_arrays())
    restored.update(FEATURES[1300:])
    np.testing.assert_allclose(restored.covariance, np.cov(FEATURES.T), rtol=1e-6, atol=1e-9)


def test_hostile_batches():
    statistics = gathered(FEATURES[:1], 1)
    with pytest.raises(UserError, match="at least 2 rows"):
        _ = statistics.covariance
    with pytest.raises(UserError, match="5 dimensions, like earlier batches. Received: 4"):
        statistics.update(FEATURES[:3, :4])
    with pytest.raises(UserError, match="NaN"):
        statistics.update(FEATURES[:3] * np.nan)
    assert statistics.count == 1
