import numpy as np
import pytest
import scipy.stats

from tfgan_suite.judging.statistics import bootstrap_interval, krippendorff_alpha

NONE = np.nan
# Krippendorff 2011, section C: four observers, twelve units, five categories; his nominal alpha is 0.743.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]


def test_published_example():
    assert krippendorff_alpha(np.array(KRIPPENDORFF, float)) == pytest.approx(0.743, abs=5e-4)


def test_two_raters_and_two_categories_in_closed_form():
    # Krippendorff 2011, section A: alpha = 1 - (2N - 1) * o01 / (n0 * n1) for o01 pairs that differ.
    first, second = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], float)
    assert krippendorff_alpha(np.stack([first, second])) == pytest.approx(1 - 19 * 4 / (14 * 6))
    assert krippendorff_alpha(np.stack([first, first])) == 1.0


def test_agreement_without_a_meaning():
    assert krippendorff_alpha(np.full([2, 3], NONE)) is None
    assert krippendorff_alpha(np.zeros([1, 5])) is None  # One rater.
    assert krippendorff_alpha(np.zeros([3, 5])) is None  # One category: chance would agree as well.


def test_random_answers_agree_by_chance():
    answers = np.random.default_rng(0).integers(0, 2, [5, 4000]).astype(float)
    assert abs(krippendorff_alpha(answers)) < 0.02


def test_interval_of_one_rater_is_the_binomial_one():
    outcomes = (np.arange(200) < 60).astype(float)[None]
    mean, low, high = bootstrap_interval(outcomes)
    exact = scipy.stats.binomtest(60, 200).proportion_ci(method="wilson")
    assert mean == 0.3 and low == pytest.approx(exact.low, abs=0.012) and high == pytest.approx(exact.high, abs=0.012)
    assert bootstrap_interval(outcomes) == (mean, low, high), "the same draws each time"


def test_interval_widens_with_the_spread_of_raters():
    """Ten raters who all answer alike know no more than one; of ten with minds of their own, people vary."""
    items = (np.arange(40) % 2).astype(float)
    alike = bootstrap_interval(np.repeat(items[None], 10, axis=0))
    assert alike == pytest.approx(bootstrap_interval(items[None]), abs=0.02)
    _, low, high = bootstrap_interval(np.repeat((np.arange(10) % 2).astype(float)[:, None], 400, axis=1))
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(10), abs=0.06)


def test_missing_answers_do_not_count():
    outcomes = np.array([[1, 0, NONE, NONE], [1, NONE, 1, NONE]], float)
    assert bootstrap_interval(outcomes)[0] == 0.75


@pytest.mark.parametrize("value", [0, 1])
def test_all_alike_has_the_exact_bound(value):
    mean, low, high = bootstrap_interval(np.full([3, 25], float(value)))
    exact = scipy.stats.binomtest(25 * value, 25).proportion_ci(method="exact")
    assert mean == value and (low, high) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_coverage():
    """Of 200 experiments with random raters and pictures, the interval holds the truth in 95% or more."""
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        logits = generator.normal(size=[8, 1]) * 0.3 + generator.normal(size=[1, 30]) * 0.5
        outcomes = generator.random([8, 30]) < 1 / (1 + np.exp(-logits))
        _, low, high = bootstrap_interval(outcomes.astype(float), draws=500)
        held += low <= 0.5 <= high
    assert held >= 184  # 190 expected at 95%; fewer than 184 in one of 100 cases.
