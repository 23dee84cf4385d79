"""How recordings become clips."""

import pickle

import numpy as np
import pytest

from tests.audio.sounds import file_of, sweep, tone
from tfgan_suite.audio.recording import Recording
from tfgan_suite.audio.sound_files import decode_flac, to_int16
from tfgan_suite.data.audio_format import AudioFormat
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused

SMALL = {"sample_rate_hz": 8000, "fft_length": 256, "hop_length": 64, "num_frames": 16}  # 1,024 samples, 0.128 s


def reason_of(raw, **arguments):
    with pytest.raises(ExampleRefused) as caught:
        AudioFormat(**{**SMALL, **arguments}).prepare(raw)
    return caught.value.reason


def test_a_spectrogram_and_the_sound_of_its_record():
    audio_format = AudioFormat(**SMALL, trim_db=None, loudness="none")
    samples = sweep(900)
    example, others = audio_format.prepare_for_record(file_of(samples, 8000, "WAV", "FLOAT"))
    whole = np.pad(samples, (0, 124))
    np.testing.assert_array_equal(example, audio_format.spec.from_samples(whole))
    np.testing.assert_array_equal(decode_flac(others["flac"]), to_int16(whole))
    assert others["sample_rate_hz"] == 8000
    again = pickle.loads(pickle.dumps(audio_format))
    assert again == audio_format and again.spec == audio_format.spec


def test_a_waveform():
    audio_format = AudioFormat("waveform", 8000, num_samples=1000, trim_db=None)
    example, others = audio_format.prepare_for_record(
        Recording(tone(seconds=0.1, sample_rate_hz=16000)[:, None], 16000)
    )
    assert example.shape == (1000, 1) and example.dtype == np.int16 and not others
    assert not example[800:].any()  # Silence behind.
    assert np.abs(example).max() == pytest.approx(32768 * 10 ** (-1 / 20), abs=40)


def test_equal_sounds_of_other_files_are_equal_examples():
    """Of another container, so that copies are found."""
    samples = to_int16(tone(seconds=0.1)) / 32768
    wav, flac = (AudioFormat(**SMALL).prepare(file_of(samples, 8000, kind)) for kind in ("WAV", "FLAC"))
    np.testing.assert_array_equal(wav, flac)


def test_what_is_refused():
    assert reason_of(file_of(tone(seconds=0.5))) == "too_long"
    assert reason_of(file_of(tone(seconds=0.1)), sample_rate_hz=16000) == "low_sample_rate"
    assert reason_of(file_of(np.zeros(800, "float32"))) == "silent"
    assert reason_of(Recording(np.zeros([800, 1], "float32"), 8000), cut="windows") == "silent_window"
    assert reason_of(file_of(np.clip(5 * tone(amplitude=1.0, seconds=0.1), -1, 1))) == "clipped"
    assert reason_of(b"text") == "not_a_sound"
    assert AudioFormat(**SMALL, cut="first").prepare(file_of(tone(seconds=0.5))).shape == (64, 16, 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"representation": "picture"}, "Unknown `representation` of sound"),
        ({"cut": "windos"}, "Did you mean 'windows'"),
        ({"num_samples": 16384}, "`num_samples` must be left out for spectrograms"),
        ({"trim_db": -3}, "`trim_db` must be a number above 0"),
        ({"num_frames": 1}, "`num_frames` must be an integer >= 2"),
        ({"hop_length": 1000}, "a hop at most half of a frame"),
        ({"max_clipped_fraction": 2}, "`max_clipped_fraction` must be a number in"),
    ],
)
def test_settings_that_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        AudioFormat(**arguments)
