import importlib.util

import numpy as np
import pytest

from tests.latent_tools.conftest import make_stylegan2
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.latent_tools import StyleSpace, project, style_statistics
from tfgan_suite.latent_tools.noise_maps import noise_correlation
from tfgan_suite.latent_tools.projection import rate_factor
from tfgan_suite.metrics import LPIPS

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None,
    reason='The weights are not installed: pip install "tfgan-suite[lpips]"',
)


@pytest.fixture(scope="module")
def distance():
    return LPIPS()


@pytest.fixture(scope="module")
def soft_space():
    """An untrained generator, but with images inside [-1, 1], as a trained one makes them."""
    generator = make_stylegan2().ema_generator
    for block in generator.blocks:
        block.to_rgb.kernel.assign(0.2 * block.to_rgb.kernel)
        for convolution in block.convolutions:
            convolution.noise_strength.assign(0.3)
    return StyleSpace(generator)


def test_schedule_of_the_paper():
    """Appendix D: up during the first 50 of 1000 steps, down to zero on a cosine during the last 250."""
    assert [rate_factor(step / 1000) for step in (0, 25, 50, 400, 750)] == pytest.approx([0, 0.5, 1, 1, 1])
    assert rate_factor(0.875) == pytest.approx(0.5) and rate_factor(1.0) == pytest.approx(0.0)
    assert rate_factor(0.8125) == pytest.approx(0.5 + 0.5 * np.sqrt(0.5))


def test_statistics(conditional_gan):
    space = StyleSpace(conditional_gan)
    mean, spread = style_statistics(space, 100, seed=1, label=2)
    ws = space.sample(100, seed=1, labels=2)[:, 0].astype(np.float64)
    np.testing.assert_allclose(mean, ws.mean(axis=0), atol=1e-6)
    assert spread == pytest.approx(np.sqrt(((ws - ws.mean(axis=0)) ** 2).sum(axis=1).mean()), rel=1e-5)
    other, _ = style_statistics(space, 100, seed=1, label=0)
    assert np.abs(other - mean).max() > 0.05


@needs_weights
def test_finds_its_own_image_in_w(soft_space, distance):
    space = soft_space
    image = space.synthesize(space.sample(1, seed=7))[0]
    found = project(space, image, steps=80, num_statistics=500, distance=distance, progress=False)
    assert found.losses.shape == (80,)
    assert found.distance < 0.002 < 0.15 < found.losses[0]
    assert np.abs(found.image.astype(int) - image).mean() < 2
    assert (found.ws == found.ws[0]).all() and found.ws.shape == (6, 8)
    np.testing.assert_array_equal(space.synthesize(found.ws[np.newaxis])[0], found.image)
    received = distance(found.image[np.newaxis], image[np.newaxis])
    assert found.distance == pytest.approx(float(received[0]), abs=1e-6)


@needs_weights
def test_same_seed_same_result(space, distance):
    image = space.synthesize(space.sample(1, seed=6))[0]
    options = {"steps": 3, "num_statistics": 100, "distance": distance, "progress": False}
    first, again = (project(space, image, seed=1, **options) for _ in range(2))
    np.testing.assert_array_equal(first.losses, again.losses)
    np.testing.assert_array_equal(first.ws, again.ws)
    other = project(space, image, seed=2, **{**options, "steps": 1})
    assert first.losses[0] != other.losses[0]


@needs_weights
def test_w_plus_comes_nearer_to_a_foreign_image(space, distance):
    image = np.zeros([16, 16, 3], np.uint8)
    image[4:12, 4:12] = [200, 120, 40]
    options = {"steps": 30, "num_statistics": 200, "pixel_weight": 1.0, "distance": distance, "progress": False}
    in_w, in_w_plus = (project(space, image, name, **options) for name in ("w", "w+"))
    assert in_w_plus.losses[-1] < in_w.losses[-1] < in_w.losses[0]
    assert (in_w_plus.ws != in_w_plus.ws[0]).any()


@needs_weights
def test_grey_pictures_of_a_class(vector_generator, distance):
    space = StyleSpace(vector_generator)
    image = np.full([16, 16, 1], 90, np.uint8)
    labels = np.eye(2, dtype=np.float32)[np.zeros(50, int)]
    found = project(
        space, image, label=labels, steps=3, num_statistics=50, distance=distance, progress=False, pixel_weight=1.0
    )
    assert found.image.shape == (16, 16, 1) and np.isfinite(found.losses).all()


@needs_weights
def test_shows_how_far_it_is(space, distance, capsys):
    project(space, np.zeros([16, 16, 3], np.uint8), steps=2, num_statistics=20, distance=distance)
    assert "projecting: 2 of 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "image, options, message",
    [
        (np.zeros([16, 16, 1], "uint8"), {}, r"\(16, 16, 3\)"),
        (np.zeros([16, 16, 3], "float32"), {}, "float32"),
        (np.zeros([16, 16, 3], "uint8"), {"in_space": "z"}, "Unknown space 'z'"),
        (np.zeros([16, 16, 3], "uint8"), {"steps": 0}, "`steps` must be >= 1"),
    ],
)
def test_refuses(space, image, options, message):
    with pytest.raises(UserError, match=message):
        project(space, image, **options)


@needs_weights
def test_noise_maps_are_found_and_stay_noise(soft_space, distance):
    """Maps are found with the styles; the weight of their correlation keeps them white, at a price."""
    generator = soft_space.generator
    image = soft_space.synthesize(soft_space.sample(1, seed=7), "const")[0]
    options = {"steps": 40, "num_statistics": 200, "distance": distance, "progress": False, "pixel_weight": 1.0}
    found = project(soft_space, image, noise_weight=1e5, **options)
    assert [one.shape for one in found.noise] == [tuple(shape) for shape in generator.noise_shapes]
    for one in found.noise:
        assert abs(one.mean()) < 1e-4 and one.std() == pytest.approx(1, abs=1e-3)
    maps = [one[np.newaxis, ..., np.newaxis] for one in found.noise]
    np.testing.assert_array_equal(soft_space.synthesize(found.ws[np.newaxis], maps)[0], found.image)
    free = project(soft_space, image, noise_weight=0.0, **options)
    loose, tight = (sum(float(noise_correlation(one[None, ..., None])) for one in p.noise) for p in (free, found))
    assert tight < 0.5 * loose and free.losses[-1] < found.losses[-1]


def test_noise_correlation_by_hand():
    noise = np.random.default_rng(0).normal(size=[1, 16, 16, 1]).astype(np.float32)
    halves = 2 * noise.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    expected = sum((one * np.roll(one, 1, axis)).mean() ** 2 for one in (noise[0, :, :, 0], halves) for axis in (0, 1))
    assert float(noise_correlation(noise)) == pytest.approx(expected, rel=1e-4)
    assert float(noise_correlation(np.ones([1, 16, 8, 1], np.float32))) == pytest.approx(2.0)
