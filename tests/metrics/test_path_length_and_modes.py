import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests.metrics.test_lpips import needs_weights
from tests.prepared_set import write_prepared_set
from tfgan_suite import DCGAN, StyleGAN2
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import HasLatents, HasStyles
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.metrics import (
    Activations,
    Evaluation,
    ModeCoverage,
    NumberOfDifferentBins,
    bits_per_dimension,
    dequantize,
    evaluate_perceptual_path_length,
    mode_coverage,
    number_of_different_bins,
    perceptual_path_length,
)
from tfgan_suite.metrics.different_bins import _different_bins
from tfgan_suite.metrics.perceptual_path_length import PerceptualPathLength, spherical
from tfgan_suite.specs.image_spec import ImageSpec

# === Perceptual path length ===


def squares(images, others):
    return tf.reduce_sum(tf.square(images - others), axis=[1, 2, 3])


class LinearModel(HasStyles, HasLatents, GenerativeModel):
    """Images that are a linear function of latents whose spread in each direction is known."""

    spec, sampling_options = ImageSpec((2, 2, 1)), (TRUNCATION,)

    def __init__(self, matrix, unit_length):
        super().__init__()
        self.matrix, self.unit_length = tf.constant(matrix, tf.float32), unit_length
        self.drawn = []

    def sample_latents(self, count, seed, truncation=1.0):
        latents = tf.random.stateless_normal([count, self.matrix.shape[0]], seed)
        self.drawn.append(tf.math.l2_normalize(latents, axis=1) if self.unit_length else latents)
        return self.drawn[-1]

    def sample_labels(self, count, seed):
        return None

    def call(self, latents, labels=None, training=False):
        return tf.reshape(latents @ self.matrix, [-1, 2, 2, 1])

    def map(self, latents, labels=None):
        return tf.repeat(latents[:, tf.newaxis], 3, axis=1)

    def synthesize(self, ws, noise="const", seed=None):
        return self(tf.reduce_mean(ws, axis=1))


MATRIX = np.random.default_rng(0).normal(size=(6, 4))


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_w_of_a_linear_synthesis_in_closed_form(sampling):
    model = LinearModel(MATRIX, unit_length=False)
    value = perceptual_path_length(
        model, space="w", sampling=sampling, num_samples=50, epsilon=1e-2, trim=0.0, distance=squares
    )
    starts, ends = (array.numpy().astype(np.float64) for array in model.drawn)
    np.testing.assert_allclose(value, np.square((ends - starts) @ MATRIX).sum(axis=1).mean(), rtol=1e-3)


def test_z_of_a_rotation_in_closed_form():
    # Unit vectors seen as they are: a step along the circle is as long as its angle.
    model = LinearModel(np.eye(4), unit_length=True)
    value = perceptual_path_length(model, space="z", num_samples=40, epsilon=1e-2, trim=0.0, distance=squares)
    angles = np.arccos((model.drawn[0].numpy() * model.drawn[1].numpy()).sum(axis=1))
    np.testing.assert_allclose(value, np.square(angles).mean(), rtol=1e-3)


def test_trimmed_ends_are_left_out():
    model = LinearModel(MATRIX, unit_length=False)
    value = perceptual_path_length(model, space="w", num_samples=40, epsilon=1e-2, trim=0.1, distance=squares)
    starts, ends = (array.numpy() for array in model.drawn)
    lengths = np.sort(np.square((ends - starts) @ MATRIX).sum(axis=1))
    np.testing.assert_allclose(value, lengths[3:37].mean(), rtol=1e-3)  # Quantiles at 3.9 and 35.1, rounded outwards.


@pytest.mark.parametrize("count, left_out", [(50, 0), (101, 1), (150, 1), (250, 2)])
def test_the_percentiles_are_the_authors(count, left_out):
    """Of 1% and 99%, the next length below and above: n paths lose the floor of (n - 1) / 100 on either side."""
    model = LinearModel(MATRIX, unit_length=False)
    value = perceptual_path_length(model, space="w", num_samples=count, epsilon=1e-2, distance=squares)
    starts, ends = (array.numpy() for array in model.drawn)
    lengths = np.sort(np.square((ends - starts) @ MATRIX).sum(axis=1))
    np.testing.assert_allclose(value, lengths[left_out : count - left_out].mean(), rtol=1e-3)


def test_lengths_that_are_no_numbers():
    def broken(images, others):
        return squares(images, others) / 0.0

    with pytest.raises(UserError, match="path length must come out as a finite number. Received: inf"):
        perceptual_path_length(LinearModel(MATRIX, unit_length=False), space="w", num_samples=5, distance=broken)


def test_great_circles_end_where_they_should():
    starts, ends = (tf.random.stateless_normal([5, 7], [seed, 0]) for seed in (0, 1))
    for place, expected in ((0.0, starts), (1.0, ends)):
        np.testing.assert_allclose(spherical(starts, ends, tf.fill([5, 1], place)), expected, atol=1e-5)
    middle = spherical(starts, ends, tf.fill([5, 1], 0.5))
    lengths = [np.linalg.norm(points, axis=1) for points in (starts, middle, ends)]
    np.testing.assert_allclose(lengths[1], (lengths[0] + lengths[2]) / 2, rtol=1e-5)


def test_batches_do_not_matter_in_a_real_model():
    gan = StyleGAN2(
        image_shape=(16, 16, 1), num_classes=2, latent_size=4, w_size=4, num_mapping_layers=1, channel_base=32
    )
    values = [
        perceptual_path_length(gan, batch_size=size, num_samples=4, epsilon=1e-2, distance=squares) for size in (2, 4)
    ]
    assert values[0] > 0
    np.testing.assert_allclose(*values, rtol=0.01)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"space": "w"}, "needs a model that can work with styles. DCGAN can: generate from latents"),
        ({"space": "v"}, "Unknown space 'v'"),
        ({"sampling": "half"}, "Unknown sampling"),
        ({"epsilon": 0.0}, "`epsilon` must be in"),
        ({"num_samples": 0}, "num_samples"),
        ({"trim": 0.5}, "`trim`"),
    ],
)
def test_impossible_paths(arguments, message):
    with pytest.raises(UserError, match=message):
        model = DCGAN(image_shape=(8, 8, 1), base_channels=2)
        perceptual_path_length(model, distance=squares, **{"space": "z", "num_samples": 2, **arguments})


@pytest.mark.parametrize("arguments", [{"space": "v"}, {"sampling": "half"}])
def test_a_metric_of_impossible_paths_cannot_be_made(arguments):
    with pytest.raises(UserError, match="Unknown"):
        PerceptualPathLength(**arguments)


@needs_weights
def test_lpips_sees_a_step_of_the_papers_length():
    class Waves(LinearModel):
        def call(self, latents, labels=None, training=False):
            waves = np.sin(np.arange(64 * 64 * 4).reshape(4, -1) * np.array([[0.1], [0.31], [0.02], [0.005]]))
            return tf.reshape(tf.tanh(latents @ tf.constant(waves, tf.float32)), [-1, 64, 64, 1])

    values = [
        perceptual_path_length(Waves(np.eye(4), False), space="z", num_samples=4, batch_size=4, epsilon=epsilon)
        for epsilon in (1e-4, 1e-3)
    ]
    assert values[0] > 0.01  # Rounding alone gives 1e-6.
    np.testing.assert_allclose(*values, rtol=0.1)


class Drawn(GenerativeModel):
    """Has no latents."""

    spec = ImageSpec((2, 2, 1))


class Squares:
    """Stands for an `LPIPS`."""

    name, weights_sha256 = "squares", "00"

    def __call__(self, images, others):
        return 1e4 * squares(images, others)


@pytest.mark.parametrize("space", [None, "z"])
def test_row_of_results(tmp_path, space):
    data = write_prepared_set(tmp_path / "set", np.zeros([4, 2, 2, 1], np.uint8))
    model = LinearModel(MATRIX, unit_length=False)
    arguments = {"num_images": 30, "seed": 5, "distance": Squares(), "progress": False}
    rows = evaluate_perceptual_path_length(model, data, space=space, repeats=2, output_dir=tmp_path, **arguments)
    name = f"perceptual_path_length_{space or 'w'}_full_30"
    expected = [
        perceptual_path_length(model, space=space or "w", num_samples=30, seed=seed, distance=Squares())
        for seed in (5, 6)
    ]
    row = Evaluation.load(tmp_path)[name]
    assert rows[name].value == row.value == pytest.approx(np.mean(expected), rel=1e-6)
    assert row.std == pytest.approx(np.std(expected, ddof=1), rel=1e-6) and row.direction == "lower"
    assert row.protocol["extractor"] == "squares" and row.protocol["num_fake"] == 30
    assert row.protocol["metric_settings"]["space"] == (space or "w") and row.run["seed"] == 5


def test_rows_that_cannot_be(tmp_path):
    data = write_prepared_set(tmp_path / "set", np.zeros([4, 2, 2, 1], np.uint8))
    model = LinearModel(MATRIX, unit_length=False)
    with pytest.raises(UserError, match="`truncation` must be 1 for perceptual_path_length"):
        evaluate_perceptual_path_length(model, data, truncation=0.7, distance=Squares())
    with pytest.raises(UserError, match="needs a model that can generate from latents. Drawn can: nothing"):
        evaluate_perceptual_path_length(Drawn(), data, distance=Squares())
    data = write_prepared_set(tmp_path / "larger", np.zeros([4, 8, 8, 1], np.uint8))
    with pytest.raises(UserError, match="needs a model that can work with styles"):
        evaluate_perceptual_path_length(DCGAN(image_shape=(8, 8, 1), base_channels=2), data, space="w")


# === Modes ===


def test_modes_and_divergence_are_scipys():
    generator = np.random.default_rng(0)
    fake, real = generator.integers(0, 30, 200), generator.integers(0, 40, 500)
    counts = [np.bincount(labels, minlength=40) for labels in (fake, real)]
    modes, divergence = mode_coverage(fake, 40, real)
    assert modes == len(set(fake))
    np.testing.assert_allclose(divergence, scipy.stats.entropy(counts[0], counts[1]), rtol=1e-12)
    np.testing.assert_allclose(mode_coverage(fake, 40)[1], scipy.stats.entropy(counts[0], np.ones(40)), rtol=1e-12)
    assert mode_coverage(np.arange(1000), 1000) == (1000, 0.0)
    assert mode_coverage([3], 4, [0, 1])[1] == float("inf")


def test_modes_in_evaluation():
    metric = ModeCoverage()
    logits = np.eye(5, dtype=np.float32)
    for rows in ([0, 1, 2], [3, 4]):
        metric.update_real(Activations(logits[rows], logits[rows]))
    again = metric.fresh()
    again.set_real_arrays(metric.real_arrays())
    for part in ([0, 0], [1]):
        again.update_fake(Activations(logits[part], logits[part]))
    results = again.results()
    assert results["modes"] == (2.0, None)
    expected = scipy.stats.entropy([2, 1, 0, 0, 0], np.ones(5))
    np.testing.assert_allclose([results[name][0] for name in ("modes_kl", "modes_kl_uniform")], expected, rtol=1e-12)


def test_modes_against_frequencies_that_are_not_even():
    """Half the fakes of each of two modes: of four even ones log 2 away, of shares of 3/4 and 1/8 log(0.5 / sqrt(3/32))."""
    logits = np.eye(4, dtype=np.float32)
    metric = ModeCoverage()
    metric.update_real(Activations(logits, logits[[0] * 6 + [1, 2]]))
    metric.update_fake(Activations(logits, logits[[0, 0, 1, 1]]))
    results = metric.results()
    assert results["modes"] == (2.0, None)
    np.testing.assert_allclose(results["modes_kl_uniform"][0], np.log(2.0), rtol=1e-12)
    np.testing.assert_allclose(results["modes_kl"][0], np.log(0.5 / np.sqrt(3 / 32)), rtol=1e-12)


# === Different bins ===


def blobs(counts, seed):
    centres = 20 * np.random.default_rng(9).normal(size=(len(counts), 6))
    noise = np.random.default_rng(seed).normal(size=(sum(counts), 6))
    return np.repeat(centres, counts, axis=0) + noise


def test_lost_modes_are_counted():
    real = blobs([100] * 8, 0)
    assert number_of_different_bins(real, blobs([50] * 8, 1), num_bins=8) == (0, 0.0)
    count, divergence = number_of_different_bins(real, blobs([100] * 4 + [0] * 4, 1), num_bins=8)
    assert count == 8  # Four without fakes, four with twice as many.
    shares = np.array([1 / 4] * 4 + [0] * 4), np.full(8, 1 / 8)
    expected = scipy.stats.entropy(shares[0], sum(shares) / 2) / 2 + scipy.stats.entropy(shares[1], sum(shares) / 2) / 2
    np.testing.assert_allclose(divergence, expected, rtol=1e-12)


def test_test_of_proportions_is_the_chi_squared_test():
    generator = np.random.default_rng(0)
    real, fake = (generator.multinomial(400, generator.dirichlet(np.full(30, 5.0))) for _ in range(2))
    different = 0
    for real_count, fake_count in zip(real, fake):
        table = [[real_count, 400 - real_count], [fake_count, 400 - fake_count]]
        different += scipy.stats.chi2_contingency(table, correction=False).pvalue < 0.05
    assert 3 < different < 27 and _different_bins(real, fake, 0.05)[0] == different


def test_equal_distributions_differ_by_chance_alone():
    rows = np.random.default_rng(0).normal(size=(6000, 4))
    assert number_of_different_bins(rows[:3000], rows[3000:], num_bins=50)[0] <= 9  # 2.5 expected


def test_bins_in_evaluation():
    real, fake = blobs([30] * 4, 0).astype(np.float32), blobs([60, 0, 0, 0], 1).astype(np.float32)
    metric = NumberOfDifferentBins(num_bins=4)
    for start in range(0, 120, 50):
        metric.update_real(Activations(real[start : start + 50]))
    again = metric.fresh()
    again.set_real_arrays(metric.real_arrays())
    again.update_fake(Activations(fake))
    count, divergence = number_of_different_bins(real, fake, num_bins=4)
    results = again.results()
    assert results == {"different_bins_share": (count / 4, None), "different_bins_divergence": (divergence, None)}


# === Likelihoods ===


def test_bits_of_known_densities():
    shape = (4, 4, 3)
    uniform = 48 * np.log(2.0)  # Density 1/2 on [-1, 1], for each of 48 numbers.
    np.testing.assert_allclose(bits_per_dimension(np.array([uniform]), shape), [8.0], rtol=1e-12)
    np.testing.assert_allclose(bits_per_dimension(0.0, shape, value_range=1.0), 8.0, rtol=1e-12)
    np.testing.assert_allclose(bits_per_dimension(48 * np.log(256.0), shape, value_range=256.0), 8.0, rtol=1e-12)
    sure = bits_per_dimension(uniform - 48 * 3 * np.log(2.0), shape)  # A density eight times as high: three bits less.
    np.testing.assert_allclose(sure, 5.0, rtol=1e-12)


def test_dequantized_images_keep_their_levels():
    images = np.arange(256, dtype=np.uint8).repeat(48).reshape(-1, 4, 4, 3)
    values = dequantize(images, seed=3)
    assert values.dtype == np.float32 and values.min() >= -1 and values.max() < 1
    np.testing.assert_array_equal(np.floor((values + 1) * 128), images)
    noise = (values.astype(np.float64) + 1) * 128 - images
    assert scipy.stats.kstest(noise.ravel(), "uniform").pvalue > 0.01
    np.testing.assert_array_equal(values, dequantize(tf.constant(images), seed=3))
