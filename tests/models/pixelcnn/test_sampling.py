"""Sampling with caches: equal to the network run for each pixel, and to the authors' samples."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import load_golden, part_of
from tests.models.pixelcnn.naive_sampling import sample_naively
from tests.models.pixelcnn.test_pixelcnn import randomize
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import Bernoulli, DiscretizedGaussian, DiscretizedLogisticMixture
from tfgan_suite.likelihood.level_grid import to_grid
from tfgan_suite.likelihood.noise import ExampleNoise
from tfgan_suite.models.pixelcnn.cached_sampling import draw_noise, sample_pixel, sample_with_caches


def sample(model, labels, noise, num_levels, temperature=1.0):
    def draw_pixel(parameters, drawn):
        channels = model.spec.shape[-1]
        return sample_pixel(model.distribution, parameters, channels, num_levels, drawn, temperature)

    run = tf.function(lambda: sample_with_caches(model.ema_network, labels, draw_pixel, noise), autograph=False)
    return run().numpy()


@pytest.mark.parametrize("name", ["pixelcnnpp_8", "pixelcnnpp_8_cond4"])
def test_samples_of_the_authors(name):
    golden = load_golden(f"likelihood/{name}")
    model = tg.checkpoints.pixelcnn_from_state(part_of(golden, "w/"), image_shape=(8, 8, 3))
    noise = {"component": tf.constant(golden["in/u_mixture"]), "value": tf.constant(golden["in/u_logistic"])}
    labels = golden.get("in/label")
    np.testing.assert_allclose(sample(model, labels, noise, None), golden["out/sample_unrounded"], atol=2e-5)

    # There a pixel is rounded when all of its channels are drawn; here each channel is, before the next one is drawn.
    def draw_pixel(parameters, drawn):
        return to_grid(sample_pixel(model.distribution, parameters, 3, None, drawn), 256)

    run = tf.function(lambda: sample_with_caches(model.network, labels, draw_pixel, noise), autograph=False)
    np.testing.assert_allclose(run(), golden["out/sample_rounded_to_levels"], atol=1e-5)


@pytest.mark.parametrize(
    ("image_shape", "blocks", "distribution", "num_classes"),
    [
        ((12, 8, 1), 2, DiscretizedLogisticMixture(1), 3),
        ((4, 12, 3), 1, DiscretizedLogisticMixture(3), None),
        ((4, 4, 3), 1, DiscretizedGaussian(), None),
    ],
)
def test_equal_to_the_naive_loop(image_shape, blocks, distribution, num_classes):
    model = randomize(
        tg.PixelCNN(
            image_shape=image_shape, blocks=blocks, filters=3, distribution=distribution, num_classes=num_classes
        )
    )
    labels = None if num_classes is None else tf.constant([0, 2, 1])
    noise = draw_noise(distribution, image_shape, ExampleNoise(tf.constant([[0, 1], [2, 3], [4, 5]])))
    expected = sample_naively(model.ema_network, distribution, labels, noise, None, temperature=0.8)
    np.testing.assert_allclose(sample(model, labels, noise, None, temperature=0.8), expected, atol=1e-4)
    assert np.std(expected) > 0.1


@pytest.fixture(scope="module")
def binary_model():
    return randomize(
        tg.PixelCNN(image_shape=(4, 4, 1), blocks=1, filters=3, distribution=Bernoulli(), levels=2, num_classes=2)
    )


def test_what_is_drawn_has_the_probabilities_of_log_prob(binary_model):
    """The first four pixels of 4,000 images against the sum of the masses of all images that begin so."""
    images = ((np.arange(2**16)[:, None] >> np.arange(16)) & 1).reshape(-1, 4, 4, 1).astype("uint8")
    labels = tf.ones([2**13], tf.int32)

    @tf.function(autograph=False)
    def masses(images):
        return tf.exp(binary_model.log_mass(tg.to_float(images, 2), labels, 1, None))

    masses = np.concatenate([masses(tf.constant(part)) for part in np.split(images, 8)])
    beginnings = (images[:, 0, :, 0] * (1 << np.arange(4))).sum(axis=1)
    expected = np.bincount(beginnings, masses, minlength=16)
    drawn = binary_model.generate(4000, labels=1, seed=3, batch_size=2000)
    assert set(np.unique(drawn)) <= {0, 1}
    counts = np.bincount((drawn[:, 0, :, 0] * (1 << np.arange(4))).sum(axis=1), minlength=16)
    deviations = np.sqrt(4000 * expected * (1 - expected)) + 1e-6
    assert (np.abs(counts - 4000 * expected) < 4.5 * deviations).all()


def test_generation_is_of_the_seed_the_index_and_the_label(binary_model):
    images = binary_model.generate(12, seed=1, batch_size=5)
    np.testing.assert_array_equal(images[:7], binary_model.generate(7, seed=1))
    labels = np.arange(12) % 2
    first = binary_model.generate(12, labels, seed=1)
    second = binary_model.generate(12, 1 - labels, seed=1)
    assert (first != second).any()
    assert len(np.unique(images, axis=0)) > 6
    cold = binary_model.generate(12, 0, seed=1, temperature=0.0)
    assert len(np.unique(cold, axis=0)) == 1  # What is most likely.


def test_completion(binary_model):
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 2, [6, 4, 4, 1]).astype("uint8"), np.arange(6) % 2
    upper = np.arange(4)[:, None] < np.full([4], 2)
    completed = binary_model.complete(images, upper, labels, seed=1)
    np.testing.assert_array_equal(completed[:, :2], images[:, :2])
    assert (completed[:, 2:] != images[:, 2:]).any()
    # What was at pixels that are not given is of no effect, even if it is no level.
    other = np.where(upper[..., None], images, 77).astype("uint8")
    np.testing.assert_array_equal(binary_model.complete(other, upper, labels, seed=1), completed)
    floats = np.where(upper[..., None], images * 2.0 - 1.0, np.nan).astype("float32")
    np.testing.assert_array_equal(binary_model.complete(floats, upper, labels, seed=1), completed)
    # Nothing given is `generate`, all given the image itself; a mask for each image.
    nothing = np.zeros([6, 4, 4], bool)
    np.testing.assert_array_equal(
        binary_model.complete(images, nothing, labels, seed=1), binary_model.generate(6, labels, seed=1)
    )
    nothing[1::2] = True
    halves = binary_model.complete(images, nothing, labels, seed=1)
    np.testing.assert_array_equal(halves[1::2], images[1::2])
    np.testing.assert_array_equal(halves[::2], binary_model.generate(6, labels, seed=1)[::2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.ones([4, 5], bool)}, "`mask` must be boolean"),
        ({"mask": np.ones([4, 4], "float32")}, "`mask` must be boolean"),
        ({"images": np.zeros([2, 4, 5, 1], "uint8")}, "shape"),
        ({"images": np.full([2, 4, 4, 1], 2, "uint8")}, "from 0 to 1"),
        ({"labels": None}, "`labels` must be 2 integers"),
        ({"temperature": 3.0}, "`temperature` must be"),
    ],
)
def test_arguments_of_completion(binary_model, arguments, message):
    fitting = {"images": np.zeros([2, 4, 4, 1], "uint8"), "mask": np.ones([4, 4], bool), "labels": [0, 1]}
    with pytest.raises(UserError, match=message):
        binary_model.complete(**{**fitting, **arguments})


@pytest.mark.slow
def test_an_export_samples_the_same(binary_model, tmp_path):
    path = tg.export_saved_model(binary_model, tmp_path / "binary")
    exported = tg.load_generator(path)
    labels = [0, 1, 1]
    np.testing.assert_array_equal(exported.generate(3, labels, seed=4), binary_model.generate(3, labels, seed=4))
    images = binary_model.generate(3, labels, seed=4)
    mask = np.arange(16).reshape(4, 4) < 6
    completed = binary_model.complete(images, mask, labels, seed=5)
    np.testing.assert_array_equal(exported.complete(images, mask, labels, seed=5), completed)
    inputs = {"mask": np.stack([mask] * 3), "seed": [5], "temperature": [1.0], "labels": labels}
    np.testing.assert_array_equal(exported.call_signature("complete", images=images, **inputs)["images"], completed)
    values = tg.to_float(images, 2)
    np.testing.assert_allclose(exported.log_prob(values, labels), binary_model.log_prob(images, labels), rtol=1e-5)
