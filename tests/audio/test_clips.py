"""Mono, rate, ends, loudness: each against what it is known to be."""

import numpy as np
import pytest
from scipy import signal

from tests.audio.sounds import tone
from tfgan_suite.audio import clips
from tfgan_suite.audio.recording import Recording
from tfgan_suite.foundation.example_refused import ExampleRefused


def refused(call, *arguments):
    with pytest.raises(ExampleRefused) as caught:
        call(*arguments)
    return caught.value.reason


def test_stereo_becomes_the_mean():
    left, right = tone(300), tone(500)
    np.testing.assert_array_equal(clips.to_mono(Recording(left[:, None], 8000)), left)
    np.testing.assert_allclose(
        clips.to_mono(Recording(np.stack([left, right], 1), 8000)), (left + right) / 2, atol=1e-7
    )
    assert refused(clips.to_mono, Recording(np.stack([left, -left], 1), 8000)) == "channels_cancel"


def test_a_tone_stays_a_tone_at_another_rate():
    resampled = clips.resample(tone(440, 1.0, 44_100), 44_100, 8000)
    assert resampled.dtype == np.float32 and len(resampled) == 8000
    np.testing.assert_allclose(resampled[800:-800], tone(440, 1.0, 8000)[800:-800], atol=2e-3)  # Without delay.


def test_what_lies_above_half_of_the_rate_is_gone():
    high = tone(6000, 1.0, 44_100)
    assert np.abs(clips.resample(high, 44_100, 8000))[800:-800].max() < 0.01 * np.abs(high).max()
    assert np.abs(signal.decimate(high, 5, ftype="fir")).max() < 0.3  # It was loud.


def test_trimming():
    samples = np.concatenate([np.zeros(800), tone(440, 0.25), np.full(1600, 1e-4)]).astype("float32")
    trimmed = clips.trim(samples, 8000, 40.0)
    assert 0.23 < len(trimmed) / 8000 < 0.26
    np.testing.assert_array_equal(clips.trim(tone(440, 0.02)[20:100], 8000, 40.0), tone(440, 0.02)[20:100])


def test_loudness():
    quiet = tone(amplitude=0.01)
    assert np.abs(clips.to_loudness(quiet, "peak")).max() == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    assert np.sqrt(np.mean(clips.to_loudness(quiet, "rms") ** 2)) == pytest.approx(0.1, rel=1e-3)
    np.testing.assert_array_equal(clips.to_loudness(quiet, "none"), quiet)
    click = np.zeros(8000, "float32")
    click[100] = 0.1
    assert np.abs(clips.to_loudness(click, "rms")).max() <= 10 ** (-1 / 20) + 1e-6  # Never above the peak.


def test_silent_and_clipped_recordings():
    assert refused(clips.check_sound, Recording(np.full([100, 1], 1 / 32768, "float32"), 8000), 0.01) == "silent"
    loud = np.clip(3 * tone(amplitude=1.0), -1, 1)
    assert refused(clips.check_sound, Recording(loud[:, None], 8000), 0.01) == "clipped"
    clips.check_sound(Recording(loud[:, None], 8000), 0.9)
    clips.check_sound(Recording(tone(amplitude=1.0)[:, None], 8000), 0.0)  # A peak at full scale is no flat top.
    square = np.where(tone(amplitude=1.0) > 0, 0.5, -0.5).astype("float32")
    clips.check_sound(Recording(square[:, None], 8000), 0.0)  # Flat, but not at full scale.


def test_length():
    assert clips.fit_length(np.ones(3), 5).tolist() == [1, 1, 1, 0, 0]
    assert clips.fit_length(np.ones(7), 5).tolist() == [1] * 5
