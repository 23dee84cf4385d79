import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist, pdist

import tfgan_suite as tg
from tests.callbacks.small_gan import spots_uint8
from tests.metrics.test_lpips import needs_weights
from tfgan_suite.callbacks import SampleStatistics
from tfgan_suite.metrics import LPIPS
from tfgan_suite.metrics.numerics.image_pairs import random_pairs


@pytest.fixture(scope="module")
def real():
    return spots_uint8(800)


@pytest.fixture(scope="module")
def statistics(real):
    return SampleStatistics(real, spots_uint8(300, seed=1), num_modes=9)


def test_other_real_images_are_as_good_as_real(statistics):
    values = statistics(spots_uint8(300, seed=2))
    assert values["duplicates"] < 0.02
    for name in ("diversity", "modes", "nearest_training"):
        assert 0.9 < values[name] < 1.1, name


def test_one_picture(statistics, real):
    values = statistics(np.repeat(real[:1], 100, axis=0))
    assert values["diversity"] < 1e-6 and values["duplicates"] == 1.0 and values["nearest_training"] < 1e-6
    assert values["modes"] == pytest.approx(1 / 9, abs=0.01)


def test_half_of_the_modes(real):
    """Two kinds of images, told apart by any clusters; samples of one."""
    generator = np.random.default_rng(0)
    dark, light = (generator.integers(low, low + 60, [200, 8, 8, 1]).astype("uint8") for low in (0, 190))
    statistics = SampleStatistics(np.concatenate([dark[:100], light[:100]]), num_modes=2)
    assert statistics(dark[100:])["modes"] == pytest.approx(0.5)
    assert statistics(np.concatenate([dark[100:150], light[100:150]]))["modes"] == pytest.approx(1.0)


def test_copies_of_training_images_are_found_and_held_out_ones_are_none(statistics, real):
    assert statistics(real[:200])["nearest_training"] == pytest.approx(0.0, abs=1e-6)
    without_held_out = SampleStatistics(real)
    assert 0.9 < without_held_out(spots_uint8(300, seed=3))["nearest_training"] < 1.1


def test_values_by_an_extractor_are_those_of_scipy():
    generator = np.random.default_rng(0)
    features = generator.normal(size=[400, 5])

    def extractor(images):  # An image says which row of the features is its own, and of which class.
        rows = features[images[:, 0, 0, 0].astype(int) + 256 * images[:, 0, 1, 0].astype(int)]
        return rows, np.eye(4)[images[:, 0, 2, 0]]

    def images(rows, classes):
        pixels = np.zeros([len(rows), 2, 3, 1], "uint8")
        pixels[:, 0, 0, 0], pixels[:, 0, 1, 0], pixels[:, 0, 2, 0] = rows % 256, rows // 256, classes
        return pixels

    statistics = SampleStatistics(
        images(np.arange(200), np.arange(200) % 4), images(np.arange(200, 300), 0), extractor=extractor
    )
    values = statistics(images(np.arange(300, 400), np.arange(100) % 2))
    real, held_out, fake = features[:200], features[200:300], features[300:]
    assert values["diversity"] == pytest.approx(pdist(fake).mean() / pdist(real).mean(), rel=1e-6)
    nearest = np.median(cdist(fake, real).min(axis=1)) / np.median(cdist(held_out, real).min(axis=1))
    assert values["nearest_training"] == pytest.approx(nearest, rel=1e-6)
    assert values["modes"] == pytest.approx(0.5)


def test_too_few_images_are_refused(real):
    with pytest.raises(tg.UserError, match="at least 64"):
        SampleStatistics(real[:63])


def test_numbers_without_a_meaning_are_left_out(real):
    assert set(SampleStatistics(real, real[:50])(real[:64])) == {"diversity", "modes", "duplicates"}
    one_picture = SampleStatistics(np.repeat(real[:1], 80, axis=0))
    assert set(one_picture(real[:64])) == {"modes", "duplicates"}


def test_diversity_by_another_distance_is_its_mean_over_random_pairs(real):
    def brightness(images, others):
        return tf.abs(
            tf.reduce_mean(tf.cast(images, tf.float32), [1, 2, 3])
            - tf.reduce_mean(tf.cast(others, tf.float32), [1, 2, 3])
        )

    statistics = SampleStatistics(real, perceptual_distance=brightness, seed=3)
    fake = np.repeat(np.arange(0, 200, 2, dtype=np.uint8), 144).reshape(-1, 12, 12, 1)
    first, second = random_pairs(100, 100, seed=3)
    expected = 2.0 * np.abs(first - second).mean()
    first, second = random_pairs(len(real), 100, seed=3)
    means = real.mean(axis=(1, 2, 3))
    values = statistics(fake)
    assert values["diversity"] == pytest.approx(expected / np.abs(means[first] - means[second]).mean(), rel=1e-4)
    by_features = SampleStatistics(real, seed=3)(fake)
    assert {**values, "diversity": 0} == {**by_features, "diversity": 0}


@needs_weights
@pytest.mark.slow
def test_diversity_by_lpips(real):
    statistics = SampleStatistics(real[:64], perceptual_distance=LPIPS())
    assert statistics(np.repeat(real[:1], 64, axis=0))["diversity"] == pytest.approx(0.0, abs=1e-5)
    assert 0.9 < statistics(real[64:128])["diversity"] < 1.1
