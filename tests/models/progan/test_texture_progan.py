"""Textures: moved maps are moved images, larger ones hold the smaller, windows are what training sees."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import assert_same_weights, fixed_dataset
from tfgan_suite import losses
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.progan.fit_progressively import fit_progressively
from tfgan_suite.models.progan.progan_generator import ProGANGenerator
from tfgan_suite.models.progan.progan_schedule import ProGANSchedule
from tfgan_suite.models.progan.texture_progan import TextureProGAN
from tfgan_suite.models.progan.texture_progan_generator import TextureProGANGenerator, cut_windows

SMALL = {"image_shape": (16, 16, 3), "latent_channels": 4, "channel_base": 64, "max_channels": 8}
TOLERANCE = 2e-5


def small_gan(**arguments):
    return TextureProGAN(**{**SMALL, "seed": 1, **arguments})


def latent_maps(rows, columns, seed=0, batch_size=2):
    return np.random.default_rng(seed).normal(size=[batch_size, rows, columns, 4]).astype(np.float32)


@pytest.fixture(scope="module")
def generator():
    return TextureProGANGenerator(**SMALL, num_classes=3)


LABELS = np.array([0, 2], np.int32)


# === What makes textures tile ===


@pytest.mark.parametrize("level_of_detail", [0.0, 0.5, 2.0])
def test_a_shift_of_the_map_is_a_shift_of_the_image(generator, level_of_detail):
    maps = latent_maps(3, 5)
    images = generator.synthesize_textures(maps, LABELS, level_of_detail)
    assert images.shape == (2, 12, 20, 3) and np.std(images) > 0.1
    moved = generator.synthesize_textures(np.roll(maps, (1, -2), axis=(1, 2)), LABELS, level_of_detail)
    np.testing.assert_allclose(moved, np.roll(images, (4, -8), axis=(1, 2)), atol=TOLERANCE)


def test_copies_side_by_side_are_the_texture_of_the_repeated_map(generator):
    maps = latent_maps(3, 4)
    tiled = generator.synthesize_textures(np.tile(maps, [1, 2, 3, 1]), LABELS)
    np.testing.assert_allclose(
        tiled, np.tile(generator.synthesize_textures(maps, LABELS), [1, 2, 3, 1]), atol=TOLERANCE
    )


def test_the_inside_of_a_texture_depends_on_the_latents_near_it_alone(generator):
    large, small = latent_maps(14, 15), latent_maps(9, 9, seed=1)
    small[:, 1:8, 1:8] = large[:, 4:11, 5:12]
    large_images = generator.synthesize_textures(large, LABELS).numpy()
    small_images = generator.synthesize_textures(small, LABELS).numpy()
    # Convolutions see 1 position at 4 pixels, 1 at 8 pixels and 1/2 at 16: 2.5 in all, of which the map has 3 around.
    inside, same = small_images[:, 16:20, 16:20], large_images[:, 28:32, 32:36]
    np.testing.assert_allclose(inside, same, atol=TOLERANCE)
    large[:, 0, 0] += 1.0
    other_images = generator.synthesize_textures(large, LABELS).numpy()
    changed = np.abs(other_images - large_images).max(axis=(0, 3)) > 1e-4
    rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
    assert set(rows) <= {*range(14), *range(46, 56)} and set(columns) <= {*range(14), *range(50, 60)}
    assert changed[0, 0] and changed[-1, -1], "beyond the edges, too"


def test_an_ordinary_progan_tiles_with_wrap_padding():
    """Its first features go on at the opposite edge because all that follows does."""
    config = {"image_shape": (16, 16, 3), "latent_size": 4, "channel_base": 64, "max_channels": 8, "seed": 3}
    wrapping, ordinary = (ProGANGenerator(**config, padding=padding) for padding in ("wrap", "zeros"))
    assert wrapping.count_params() == ordinary.count_params()
    assert_same_weights(wrapping, ordinary)
    channels = wrapping.channels_at(4)
    kernel = np.asarray(wrapping.dense.kernel).reshape([4, 4, 4, channels])
    latents = np.random.default_rng(0).normal(size=[2, 4]).astype(np.float32)
    images = {generator: generator(latents).numpy() for generator in (wrapping, ordinary)}
    for generator in images:
        generator.dense.kernel.assign(np.roll(kernel, (1, 2), axis=(1, 2)).reshape([4, 16 * channels]))
        moved = np.allclose(generator(latents), np.roll(images[generator], (4, 8), axis=(1, 2)), atol=TOLERANCE)
        assert moved == (generator is wrapping)


# === Windows ===


def test_cut_windows():
    images = np.random.default_rng(0).normal(size=[2, 5, 6, 3]).astype(np.float32)
    windows = cut_windows(tf.constant(images), np.array([[0, 1], [4, 5]], np.int32), 4)
    np.testing.assert_array_equal(windows[0], images[0, :4, 1:5])
    np.testing.assert_array_equal(windows[1], np.roll(images[1], (1, 1), axis=(0, 1))[:4, :4])


def test_windows_are_cut_from_textures(generator):
    maps = latent_maps(6, 6)
    textures = generator.synthesize_textures(maps, LABELS).numpy()
    latents = maps.reshape([2, -1])
    np.testing.assert_allclose(generator(latents, LABELS), textures[:, :16, :16], atol=TOLERANCE)
    windows = generator.synthesize_at(latents, LABELS, offsets=np.array([[1, 2], [3, 0]], np.int32))
    expected = np.stack([textures[0, 1:17, 2:18], textures[1, 3:19, :16]])
    np.testing.assert_allclose(windows, expected, atol=TOLERANCE)


def test_training_cuts_windows_at_all_places(monkeypatch):
    gan = small_gan()
    gan.compile()
    seen = []

    def synthesize_at(latents, labels, level, fade, offsets=None):
        seen.append((level, offsets))

    monkeypatch.setattr(gan.generator, "synthesize_at", synthesize_at)
    latents = gan.sample_latents(400, tf.constant([0, 0]))
    for phase in gan.training_phases():
        gan.begin_phase(phase)
        gan.generate_fakes(latents, None, tf.constant([0, 1]))
    (_, coarsest), (_, fading_8), (_, stable_8), (_, fading_16), (_, stable_16) = seen
    assert [level for level, _ in seen] == [2, 1, 1, 0, 0] and coarsest is fading_8 is None
    # Blocks of 2x2 pixels stay blocks while a level fades in.
    for offsets, places in ((stable_8, {0, 1}), (fading_16, {0, 2}), (stable_16, {0, 1, 2, 3})):
        assert offsets.shape == (400, 2)
        assert {(y, x) for y, x in offsets.numpy()} == {(y, x) for y in places for x in places}


# === The model ===


SCHEDULE = ProGANSchedule(8, 8, batch_size=8, first_size=8)


def small_trained_gan():
    gan = small_gan(num_classes=3, latent_map_size=5, schedule=SCHEDULE)
    ema = ExponentialMovingAverage(decay=0.1)
    gan.compile(loss=losses.NonSaturating(), discriminator_penalties=[], ema=ema, reuse_fakes=True)
    return gan


def dataset_at(size, batch_size):
    """The same batch again and again."""
    data = fixed_dataset(small_gan(num_classes=3), batch_size, batches=1)
    return data.map(lambda images, labels: (tf.image.resize(images, [size, size], "area"), labels)).repeat()


def begin(gan, number_of_phases):
    for phase in gan.training_phases()[:number_of_phases]:
        gan.begin_phase(phase)
        gan.fit(dataset_at(phase.size, 8), steps_per_epoch=1, verbose=0, shuffle=False)


def test_grows_and_is_saved(tmp_path):
    gan = small_trained_gan()
    before = gan.generate_textures(8, 12, seed=1)
    begin(gan, 2)  # 8x8, and the fade to 16x16 to its end.
    textures = gan.generate_textures(8, 12, seed=1)
    assert float(gan.level_of_detail) == 0.0 and not np.array_equal(textures, before)
    gan.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (again.latent_channels, again.generator.latent_map_size, again.schedule) == (4, 5, SCHEDULE)
    np.testing.assert_array_equal(again.generate_textures(8, 12, seed=1), textures)


@pytest.mark.slow
def test_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole, gan = small_trained_gan(), small_trained_gan()
    fit_progressively(whole, dataset_at)
    begin(gan, 1)
    gan.save(tmp_path / "model.keras")
    gan = keras.models.load_model(tmp_path / "model.keras")
    fit_progressively(gan, dataset_at)
    assert_same_weights(gan, whole)


def test_classes_are_learned_from_photographs_alone():
    gan = small_trained_gan()
    discriminate = lambda images, labels, score=gan.discriminate: score(images, labels)  # noqa: E731
    real_images, fake_images = tf.random.stateless_uniform([2, 4, 16, 16, 3], [0, 1], -1, 1)
    labels = tf.constant([0, 1, 2, 0])
    losses_of = lambda fake_labels: gan.compute_discriminator_loss(  # noqa: E731
        discriminate, real_images, fake_images, labels, fake_labels
    )[0]
    (real_logits, class_logits), (fake_logits, _) = gan.score(real_images), gan.score(fake_images)
    guesses = -tf.gather(tf.nn.log_softmax(class_logits), labels, batch_dims=1)
    expected = tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits) + guesses
    np.testing.assert_allclose(losses_of(labels), expected, rtol=1e-5)
    np.testing.assert_array_equal(losses_of(labels), losses_of(labels[::-1]))
    generator_losses = [
        gan.compute_generator_loss(discriminate, fake_images, fake_labels, real_images, labels)
        for fake_labels in (labels, (labels + 1) % 3)
    ]
    assert not np.allclose(*generator_losses), "the generator is told its class"


def test_generate_textures():
    assert small_gan().generate_textures(5, 8, count=2).shape == (2, 5, 8, 3), "without classes"
    gan = small_gan(num_classes=3)
    assert gan.cell_size == 4
    textures = gan.generate_textures(10, 17, count=3, labels=[0, 1, 2], seed=5)
    assert textures.shape == (3, 10, 17, 3) and textures.dtype == np.uint8
    np.testing.assert_array_equal(gan.generate_textures(10, 17, count=2, labels=[0, 1], seed=5), textures[:2])
    assert not np.array_equal(gan.generate_textures(10, 17, labels=0, seed=6), textures[:1])
    seamless = gan.generate_textures(8, 12, count=2, seamless=True, seed=5)
    maps = gan.sample_latent_maps(2, 2, 3, 5)
    assert seamless.shape == (2, 8, 12, 3) and maps.shape == (2, 2, 3, 4)
    # The same latents one cell further on: what was at the seam is in the middle now.
    labels = gan.sample_labels(2, tf.constant([0, 0]))
    images = gan.synthesize_textures(maps, labels)
    moved = gan.synthesize_textures(tf.roll(maps, 1, axis=2), labels)
    np.testing.assert_allclose(moved, np.roll(images, 4, axis=2), atol=TOLERANCE)


def test_refuses_what_it_cannot_do(generator):
    with pytest.raises(ValueError, match="`latent_map_size` must be >= 4.*latent_map_size=3"):
        small_gan(latent_map_size=3)
    with pytest.raises(ValueError, match=r"\[batch, rows, columns, 4\].*\(2, 3, 3, 5\)"):
        generator.synthesize_textures(np.zeros([2, 3, 3, 5], np.float32), LABELS)
    gan = small_gan(num_classes=3)
    with pytest.raises(UserError, match="multiples of 4 pixels. Received: 10x16. Nearest: 8x16"):
        gan.generate_textures(10, 16, seamless=True)
    with pytest.raises(UserError, match="must be integers >= 1. Received: height=0"):
        gan.generate_textures(0, 16)
    with pytest.raises(UserError, match="`labels` must be labels from 0"):
        gan.generate_textures(8, 8, labels=3)
