import numpy as np
import pytest

from tests.adversarial.test_gan import make_gan
from tests.latent_tools.test_style_mixing import cell
from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.latents import interpolate
from tfgan_suite.latent_tools import StyleSpace, interpolate_classes, samples_per_class, write_class_loop
from tfgan_suite.latent_tools.class_pictures import name_rows
from tfgan_suite.models.biggan.biggan import BigGAN
from tfgan_suite.models.progan.progan import ProGAN


@pytest.fixture(scope="module")
def biggan():
    return BigGAN(
        image_shape=(32, 32, 3),
        num_classes=3,
        base_channels=2,
        shared_size=4,
        latent_size=16,
        attention_resolutions=(),
        initializer="normal",
    )


@pytest.fixture(scope="module")
def progan():
    return ProGAN((8, 8, 3), num_classes=3, latent_size=6, channel_base=16, max_channels=4)


@pytest.mark.parametrize(
    "name, truncation", [("dcgan", 0.8), ("progan", 1.0), ("biggan", 0.8), ("conditional_gan", 0.8)]
)
def test_at_the_classes_are_the_models_own_images(name, truncation, request):
    model = request.getfixturevalue(name)
    images = interpolate_classes(model, [2, 0, 1], 3, rows=2, truncation=truncation, seed=4)
    assert images.shape == (2, 5, *model.image_shape) and images.dtype == np.uint8
    for index, label in ((0, 2), (2, 0), (4, 1)):
        expected = model.generate(2, labels=label, truncation=truncation, seed=4)
        assert np.abs(images[:, index].astype(int) - expected).max() <= 1
    assert (images[:, 1] != images[:, 0]).any() and (images[:, 1] != images[:, 2]).any()


def test_between_them_is_the_mean_of_what_the_model_has_there(dcgan, biggan, conditional_gan):
    latents = np.asarray(dcgan.sample_latents(1, _seed(5)))
    half = (np.asarray(dcgan(latents, np.float32([[0.5, 0, 0.5]]))) + 1) * 127.5
    assert np.abs(interpolate_classes(dcgan, [0, 2], 3, seed=5)[0, 1] - half[0]).max() <= 1

    generator, latents = biggan.ema_generator, np.asarray(biggan.sample_latents(1, _seed(5)))
    embeddings = np.asarray(generator.class_vectors(np.array([0, 2])))
    half = (np.asarray(generator.synthesize(latents, embeddings.mean(axis=0, keepdims=True))) + 1) * 127.5
    assert np.abs(interpolate_classes(biggan, [0, 2], 3, seed=5)[0, 1] - half[0]).max() <= 1

    space = StyleSpace(conditional_gan)
    ws = np.stack([space.sample(1, 5, labels=[label])[0] for label in (0, 2)])
    half = space.synthesize(ws.mean(axis=0, keepdims=True))
    assert np.abs(interpolate_classes(conditional_gan, [0, 2], 3, seed=5)[0, 1].astype(int) - half[0]).max() <= 1


def _seed(seed):
    return fold(seed, "generate", "latents")


def test_latents_may_move_too_along_great_circles(biggan):
    images = interpolate_classes(biggan, [1, 2], 3, rows=2, move_latents=True, seed=5)
    latents = np.asarray(biggan.sample_latents(4, _seed(5)))  # Two rows at the first class, two at the second.
    embeddings = np.asarray(biggan.ema_generator.class_vectors(np.array([1, 2])))
    middle = np.stack([interpolate(latents[row], latents[2 + row], 3, spherical=True)[1] for row in range(2)])
    expected = biggan.ema_generator.synthesize(middle, np.tile(embeddings.mean(axis=0), [2, 1]))
    assert np.abs(images[:, 1] - (np.asarray(expected) + 1) * 127.5).max() <= 1


def test_a_closed_way_ends_where_it_begins(dcgan):
    there = interpolate_classes(dcgan, None, 4, seed=1)
    round_trip = interpolate_classes(dcgan, None, 4, closed=True, seed=1)
    assert there.shape[1] == 2 * 3 + 1 and round_trip.shape[1] == 3 * 3
    np.testing.assert_array_equal(round_trip[:, :7], there)
    back = interpolate_classes(dcgan, [2, 0], 4, seed=1)
    np.testing.assert_array_equal(round_trip[:, 6:], back[:, :-1])


def test_samples_of_each_class(dcgan):
    images = samples_per_class(dcgan, 4, labels=(2, 1), truncation=0.9, seed=3)
    np.testing.assert_array_equal(images[1], dcgan.generate(4, labels=1, truncation=0.9, seed=3))
    assert samples_per_class(dcgan, 2).shape == (3, 2, 8, 8, 1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_names_stand_in_front_of_their_rows(channels):
    grid = make_grid(np.full([6, 20, 20, channels], 7, np.uint8), columns=2)
    named = name_rows(grid, ["a", "", "a much longer name"])
    width = named.shape[1] - grid.shape[1]
    np.testing.assert_array_equal(named[:, width:], grid)
    ink = (named[:, :width, 0] < 128).reshape([-1, width])
    assert ink[:20].any() and not ink[22:42].any() and ink[44:].sum() > ink[:20].sum()


def test_loop_through_classes(dcgan, tmp_path):
    from PIL import Image

    path = write_class_loop(dcgan, tmp_path / "loop.gif", rows=1, columns=2, seconds=1, frames_per_second=9, seed=2)
    expected = interpolate_classes(dcgan, None, 4, rows=2, closed=True, seed=2)
    with Image.open(path) as animation:
        assert animation.n_frames == 9
        animation.seek(4)
        frame = np.asarray(animation.convert("L"))[..., np.newaxis]
    np.testing.assert_array_equal(cell(frame, 0, 1, size=8), expected[1, 4])


@pytest.mark.parametrize(
    "labels, steps, message",
    [([1], 3, "at least 2 classes"), ([0, 1], 1, "steps=1"), ([0, 3], 3, "from 0 to 2"), ([-1, 2], 3, "-1 to 2")],
)
def test_arguments_that_do_not_fit(labels, steps, message, dcgan):
    with pytest.raises(UserError, match=message):
        interpolate_classes(dcgan, labels, steps)


def test_models_that_have_nothing_between_classes(gan):
    with pytest.raises(UserError, match="has no classes"):
        interpolate_classes(gan, [0, 1], 3)
    with pytest.raises(UserError, match="has no classes"):
        samples_per_class(gan, 2)
    with pytest.raises(UserError, match="needs a model that can mix classes. GAN can: generate from latents"):
        interpolate_classes(make_gan(3), [0, 1], 3)
