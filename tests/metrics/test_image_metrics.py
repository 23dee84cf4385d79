import keras
import numpy as np
import pytest
import scipy.signal
import scipy.stats
import tensorflow as tf

from tests.metrics.test_lpips import needs_weights
from tests.metrics.tfgan import load_tfgan
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics import (
    Activations,
    DensityCoverage,
    FeatureExtractor,
    LPIPSDiversity,
    MultiScaleSimilarity,
    SlicedWassersteinDistance,
    lpips,
    lpips_diversity,
    ms_ssim,
    ms_ssim_diversity,
    sliced_wasserstein_distance,
)
from tfgan_suite.metrics.numerics.image_pairs import random_pairs
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.sliced_wasserstein import _sliced_distance, laplacian_pyramid
from tfgan_suite.specs.image_spec import ImageSpec


def noise(count, size=32, channels=3, seed=0, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (count, size, size, channels), np.uint8)


def float_images(images):
    return images.astype(np.float32) / 127.5 - 1


# === Pairs ===


def test_pairs_are_of_two_images_and_all_pairs_come():
    first, second = random_pairs(5, 4000, seed=0)
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (first, second), 1)
    assert (np.diag(counts) == 0).all()
    assert counts[~np.eye(5, dtype=bool)].min() > 140  # 200 expected of each of 20 pairs.


def test_pairs_within_classes():
    labels = np.array([2, 0, 2, 1, 0, 2])  # One image of class 1: it has no partner.
    first, second = random_pairs(6, 500, seed=0, labels=labels)
    assert (labels[first] == labels[second]).all() and (first != second).all()
    assert set(first) == {0, 1, 2, 4, 5} == set(second)


@pytest.mark.parametrize("count, labels, num_pairs", [(1, None, 1), (3, [0, 1, 2], 1), (4, None, 0), (3, [0, 0], 1)])
def test_impossible_pairs(count, labels, num_pairs):
    with pytest.raises(UserError, match="must be"):
        random_pairs(count, num_pairs, seed=0, labels=labels)


# === MS-SSIM ===


def test_five_scales_are_tensorflows():
    images = noise(3, 176)
    other = np.clip(images.astype(int) + noise(3, 176, seed=1, high=60), 0, 255).astype(np.uint8)
    expected = tf.image.ssim_multiscale(images, other, 255)
    np.testing.assert_allclose(ms_ssim(images, other), expected, rtol=1e-4)


def wang(image, other, num_scales):
    """Multi-scale similarity of two gray images as its paper defines it, in float64; halves of odd sides are rounded up."""
    window = scipy.signal.windows.gaussian(11, 1.5)
    window = np.outer(window, window) / window.sum() ** 2

    def smooth(values):
        return scipy.signal.convolve2d(values, window, "valid")

    image, other, factors = image.astype(float), other.astype(float), []
    for _ in range(num_scales):
        means, (c1, c2) = (smooth(image), smooth(other)), ((0.01 * 255) ** 2, (0.03 * 255) ** 2)
        variances = smooth(image**2) - means[0] ** 2, smooth(other**2) - means[1] ** 2
        structure = (2 * (smooth(image * other) - means[0] * means[1]) + c2) / (sum(variances) + c2)
        luminance = (2 * means[0] * means[1] + c1) / (means[0] ** 2 + means[1] ** 2 + c1)
        factors.append((structure.mean(), (luminance * structure).mean()))
        sides = [np.pad(one, [(0, side % 2) for side in one.shape], "symmetric") for one in (image, other)]
        image, other = ((one[::2, ::2] + one[1::2, ::2] + one[::2, 1::2] + one[1::2, 1::2]) / 4 for one in sides)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:num_scales]
    values = [structure for structure, _ in factors[:-1]] + [factors[-1][1]]
    return np.prod(np.maximum(values, 0) ** (weights / (weights.sum() if num_scales < 5 else 1)))


@pytest.mark.parametrize(
    "size, num_scales",
    [(11, 1), (20, 1), (21, 2), (40, 2), (41, 3), (80, 3), (81, 4), (160, 4), (161, 5), (168, 5), (175, 5), (176, 5)],
)
def test_as_many_scales_as_the_window_fits(size, num_scales):
    image = noise(1, size + 3, 1)[:, :size] // 2 + 60  # The shorter side decides.
    other = np.clip(image.astype(int) + noise(1, size + 3, 1, seed=1, high=50)[:, :size] - 25, 0, 255).astype(np.uint8)
    expected = wang(image[0, ..., 0], other[0, ..., 0], num_scales)
    assert 0.3 < expected < 0.99
    np.testing.assert_allclose(ms_ssim(image, other), [expected], rtol=1e-4)


@pytest.mark.parametrize("size, num_scales", [(16, 1), (22, 2), (32, 2), (64, 3), (128, 4)])
def test_fewer_scales_of_small_images(size, num_scales):
    images, other = noise(2, size, 1), noise(2, size, 1, seed=1)
    images = (images // 4 + np.arange(size, dtype=np.uint8)[:, None]).astype(np.uint8)
    other = (other // 4 + np.arange(size, dtype=np.uint8)[:, None]).astype(np.uint8)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:num_scales]
    expected = tf.image.ssim_multiscale(images, other, 255, (weights / weights.sum()).tolist())
    np.testing.assert_allclose(ms_ssim(float_images(images), other), expected, rtol=1e-4)


def test_ms_ssim_orders_collapse():
    varied = ms_ssim_diversity(noise(20), num_pairs=30)[0]
    nearly_one = np.repeat(noise(1), 20, axis=0) // 2 + noise(20, seed=1, high=20)
    assert varied < 0.3 < 0.8 < ms_ssim_diversity(nearly_one, num_pairs=30)[0]
    assert ms_ssim_diversity(np.repeat(noise(1), 3, axis=0), num_pairs=5) == (1.0, 0.0)


# === LPIPS ===


@needs_weights
def test_lpips_diversity_is_the_mean_of_pairs():
    images = noise(3, 64)
    distances = np.zeros((3, 3))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        distances[a, b] = distances[b, a] = lpips(images[[a]], images[[b]]).numpy()[0]
    of_pairs = distances[random_pairs(3, 7, seed=0)]
    np.testing.assert_allclose(lpips_diversity(images, num_pairs=7), (of_pairs.mean(), of_pairs.std()), rtol=1e-4)
    assert np.ptp(of_pairs) > 0 and lpips_diversity(images[[0, 0]], num_pairs=2) == (0.0, 0.0)


@needs_weights
def test_lpips_diversity_in_evaluation():
    metric = LPIPSDiversity(num_pairs=6)
    images = noise(5, 64)
    metric.update_fake(Activations(examples=images[:2]))
    metric.update_fake(Activations(examples=images[2:]))
    np.testing.assert_allclose(metric.result(), lpips_diversity(images, num_pairs=6), rtol=1e-5)
    assert set(metric.settings) == {"num_pairs", "network", "weights_sha256"}
    assert metric.fresh().settings == metric.settings


def test_a_sample_of_a_long_row_is_even_and_does_not_depend_on_batches():
    images = np.arange(250, dtype=np.uint8)[:, None, None, None] * np.ones((1, 11, 11, 1), np.uint8)
    kept = []
    for batch_size in (1, 60, 250):
        metric = MultiScaleSimilarity(num_pairs=10)
        for start in range(0, 250, batch_size):
            metric.update_fake(Activations(examples=images[start : start + batch_size]))
        kept.append([int(image[0, 0, 0]) for image in metric._images])
    assert kept[0] == kept[1] == kept[2] and len(set(kept[0])) == 20
    assert 80 < np.mean(kept[0]) < 170  # 125 expected, with a deviation of 16.


# === Sliced Wasserstein distance ===


def test_pyramid_is_that_of_tfgan():
    (module,) = load_tfgan("eval.sliced_wasserstein")
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    expected = module.laplacian_pyramid(images, 3)
    for (size, ours), theirs in zip(laplacian_pyramid(images).items(), expected, strict=True):
        assert ours.shape == theirs.shape == (2, size, size, 3)
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_pyramid_of_a_constant_and_its_sizes():
    levels = laplacian_pyramid(np.full((1, 64, 96, 1), 0.5, np.float32))
    assert {size: part.shape[2] for size, part in levels.items()} == {64: 96, 32: 48, 16: 24}
    # A constant has no detail, but at the far borders, where every second pixel is missing from the reflection.
    assert np.abs(levels[64][:, 2:-2, 2:-2]).max() < 1e-6
    np.testing.assert_allclose(levels[16], 0.5, rtol=1e-6)


@pytest.mark.parametrize("rows", [(50, 50), (30, 45), (7, 64)])
def test_one_dimensional_distances_are_scipys(rows):
    generator = np.random.default_rng(0)
    first, second = (generator.normal(size=(count, 4)).astype(np.float32) for count in rows)
    directions = np.eye(4, dtype=np.float32)
    expected = np.mean([scipy.stats.wasserstein_distance(first[:, i], second[:, i]) for i in range(4)])
    np.testing.assert_allclose(_sliced_distance(first, second, directions), expected, rtol=1e-5)


def test_a_shift_of_gaussians_in_closed_form():
    rows = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    directions = np.eye(8, dtype=np.float32)[:, :3]
    shift = np.array([0.5, -1.0, 0.0, 9.0, 9.0, 9.0, 9.0, 9.0], np.float32)
    np.testing.assert_allclose(_sliced_distance(rows, rows + shift, directions), 0.5, rtol=1e-5)


def waves(detail, seed):
    """Broad waves with noise of the given amplitudes [count] on them, float32 [count, 32, 32, 1]."""
    generator = np.random.default_rng(seed)
    phases = generator.uniform(0, 2 * np.pi, (len(detail), 1, 1, 1))
    broad = 0.6 * np.cos(2 * np.pi * np.arange(32)[:, None, None] / 32 + phases)
    return (broad + detail[:, None, None, None] * generator.uniform(-1, 1, (len(detail), 32, 32, 1))).astype(np.float32)


def test_distance_sees_the_level_that_differs():
    even, uneven = np.full(80, 0.15), np.tile([0.0, 0.212], 40)  # The same variance over all patches.
    settings = {"patches_per_image": 32, "num_directions": 64}
    same = sliced_wasserstein_distance(waves(even, 0), waves(even, 1), **settings)
    other = sliced_wasserstein_distance(waves(even, 0), waves(uneven, 1), **settings)
    assert list(same) == list(other) == [32, 16]
    assert other[32] > 4 * same[32] and other[16] < 2 * same[16]


def test_sliced_distance_in_evaluation_does_not_depend_on_batches():
    real, fake = noise(20), noise(15, seed=1)
    expected = np.mean(list(sliced_wasserstein_distance(real, fake, patches_per_image=4, num_directions=8).values()))
    for batch_size in (3, 20):
        metric = SlicedWassersteinDistance(patches_per_image=4, num_directions=8)
        for update, images in ((metric.update_real, real), (metric.update_fake, fake)):
            for start in range(0, len(images), batch_size):
                update(Activations(examples=images[start : start + batch_size]))
        np.testing.assert_allclose(metric.result()[0], expected, rtol=1e-6)
        again = metric.fresh()
        again.set_real_arrays(metric.real_arrays())
        again.update_fake(Activations(examples=fake))
        np.testing.assert_allclose(again.result()[0], expected, rtol=1e-6)


def test_images_that_do_not_fit():
    with pytest.raises(UserError, match="have one size"):
        sliced_wasserstein_distance(noise(4), noise(4, 64))
    with pytest.raises(UserError, match="the same everywhere"):
        sliced_wasserstein_distance(noise(4), np.zeros((4, 32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="have one shape"):
        ms_ssim(noise(2), noise(3))


# === In evaluate ===


class NoiseModel(GenerativeModel):
    spec = ImageSpec((16, 16, 1))

    def generate(self, count, labels=None, *, seed=0, batch_size=64):
        return noise(count, 16, 1, seed)


def test_scores_of_images_stand_beside_scores_of_features():
    class Extractor(FeatureExtractor):
        def __init__(self, name):
            inputs = keras.Input([16, 16, 1])
            super().__init__(keras.Model(inputs, keras.layers.Flatten()(inputs)), name=name)
            self.name_prefix = f"{name}_"

    real = noise(30, 16, 1, seed=5)
    metrics = [SlicedWassersteinDistance(num_directions=8), MultiScaleSimilarity(num_pairs=20), DensityCoverage()]
    rows = evaluate(
        NoiseModel(),
        tf.data.Dataset.from_tensors(real),
        metrics,
        extractor=[Extractor("one"), Extractor("two")],
        num_images=40,
        progress=False,
    )
    names = [
        "sliced_wasserstein_distance",
        "ms_ssim",
        *(f"{i}_{name}" for i in ("one", "two") for name in ("density", "coverage")),
    ]
    assert [row.name for row in rows] == [f"{name}_40" for name in names]
    assert rows["ms_ssim_40"].protocol["extractor"] == "pixels" and rows["ms_ssim_40"].std_over == "pairs"
    assert rows["one_coverage_40"].protocol["extractor"] == "one"
    expected = sliced_wasserstein_distance(real, noise(40, 16, 1), patches_per_image=16, num_directions=8)
    np.testing.assert_allclose(rows["sliced_wasserstein_distance_40"].value, expected[16], rtol=1e-6)
    assert "pixels" in rows.to_markdown()
