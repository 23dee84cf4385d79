"""Scores of moving digits, on clips whose motion is known."""

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.data.sources.moving_digits_source import MovingDigitsSource, draw_clip, places, small_digit
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Activations, FeatureExtractor, FrechetDistance, MovingDigits, StackedFrames
from tfgan_suite.metrics.moving_digits import digit_centers, digits_of, fit_track
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

SIZE = (32, 32)


@pytest.fixture(scope="module")
def source():
    return MovingDigitsSource(count=30)


@pytest.fixture(scope="module")
def clips(source):
    items = source.list_items(True, None).items
    digits = [small_digit(source.digits.examples[item.address[0]]) for item in items]
    return np.stack([draw_clip(digit, *places(item.address[1:], 16, SIZE), SIZE) for digit, item in zip(digits, items)])


def brightest(images):
    """A stand-in for the classifier: equal pixels are of one class."""
    sums = images.reshape(len(images), -1).astype(int) @ np.arange(1, 197)
    return None, np.eye(97)[sums % 97]


def score(real, fake):
    metric = MovingDigits(classify=brightest)
    metric.update_real(Activations(examples=real))
    metric.update_fake(Activations(examples=fake[: len(fake) // 2]))
    metric.update_fake(Activations(examples=fake[len(fake) // 2 :]))
    return {name: value for name, (value, _) in metric.results().items()}


def test_real_clips_reach_every_value(clips):
    scores = score(clips, clips)
    assert scores["identity_kept"] == scores["moving_share"] == 1 and scores["bounce_difference"] == 0
    assert scores["speed_residual_pixels"] < 0.05


def test_speed_and_bounces_are_found(source, clips):
    for clip, item in zip(clips, source.list_items(True, None).items):
        rows, columns = places(item.address[1:], 16, SIZE)
        track = fit_track(digit_centers(clip), SIZE)
        steps = [np.abs(np.diff(line)) for line in (rows, columns)]
        assert track.speed == pytest.approx(np.hypot(*[np.bincount(step).argmax() for step in steps]), abs=0.3)
        np.testing.assert_array_equal(digits_of(clip), np.repeat(digits_of(clip)[:1], 16, 0))


def test_what_is_wrong_shows(clips):
    still = np.repeat(clips[:, :1], 16, axis=1)
    assert score(clips, still)["moving_share"] == 0 and score(clips, still)["bounce_difference"] > 0.5
    shuffled = clips[:, np.random.default_rng(0).permutation(16)]
    assert score(clips, shuffled)["speed_residual_pixels"] > 1
    other = clips.copy()
    other[::2, 8:] = np.roll(clips, 1, axis=0)[::2, 8:]
    assert score(clips, other)["identity_kept"] == 0.5


def test_other_clips_are_refused():
    with pytest.raises(UserError, match="gray clips of moving digits"):
        score(np.zeros([2, 4, 32, 32, 3], "uint8"), np.zeros([2, 4, 32, 32, 3], "uint8"))


def test_frechet_distance_of_stacked_frames(clips, tmp_path):
    """With the mean of a frame's pixels as its one feature, all of its parts can be computed by hand."""
    inputs = keras.Input([32, 32, 1])
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    extractor = StackedFrames(FeatureExtractor(network, name="mean"), frame_step=8)
    features, logits = extractor(clips)
    assert logits is None
    np.testing.assert_allclose(features, clips[:, ::8].mean((2, 3, 4)) / 127.5 - 1, atol=1e-4)
    spec = tg.VideoSpec((16, 32, 32, 1))
    prepare_dataset(ArraySource(clips, spec=spec), tmp_path / "set", progress=False)
    generator = keras.Sequential([keras.Input([2]), keras.layers.Dense(16 * 1024), keras.layers.Reshape(spec.shape)])
    discriminator = keras.Sequential([keras.Input(spec.shape), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = tg.GAN(generator, discriminator, spec=spec)
    gan.compile()
    rows = tg.evaluate(
        gan, tmp_path / "set", [FrechetDistance(), MovingDigits(classify=brightest)], extractor=extractor, num_images=20,
        progress=False,
    ).rows  # fmt: skip
    names = [row.name for row in rows]
    assert any(name.startswith("stacked_frames_frechet_distance") for name in names), names
    assert sum(name.rpartition("_")[0] in MovingDigits.directions for name in names) == 4, names
