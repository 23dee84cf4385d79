"""Sound files: every format, and every way to be broken."""

import numpy as np
import pytest

from tests.audio.sounds import file_of, tone
from tfgan_suite.audio.sound_files import SIGNATURES, decode_flac, decode_sound, encode_flac, num_samples, to_int16
from tfgan_suite.foundation.example_refused import ExampleRefused

KINDS = {
    "WAV": "PCM_16", "FLAC": "PCM_24", "AIFF": "PCM_24", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III", "RF64": "FLOAT",
}  # fmt: skip


def reason_of(data):
    with pytest.raises(ExampleRefused) as caught:
        decode_sound(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_formats(kind):
    samples = np.stack([tone(440), tone(660)], axis=1)
    data = file_of(samples, 16_000, kind, KINDS[kind])
    assert SIGNATURES.match(data)
    recording = decode_sound(data)
    assert recording.sample_rate_hz == 16_000 and recording.samples.shape == samples.shape
    is_lossy = kind in ("OGG", "MP3")
    np.testing.assert_allclose(recording.samples, samples, atol=0.1 if is_lossy else 1e-4)
    assert num_samples(data) == (len(samples), 16_000)


def test_loud_ogg_files_do_not_wrap():
    """As 16-bit integers libsndfile turns peaks beyond full scale over."""
    samples = decode_sound(file_of(tone(440, amplitude=1.0), 8000, "OGG", "VORBIS")).samples[:, 0]
    assert np.abs(np.diff(samples)).max() < 0.5


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "OGG"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_truncated_files(kind, share):
    data = file_of(tone(440, 2.0), 8000, kind)
    assert reason_of(data[: int(share * len(data))]) in ("truncated", "corrupt")


def test_other_broken_files():
    assert reason_of(b"") == "empty_file"
    assert reason_of(b"no sound at all, but text") == "not_a_sound"
    assert reason_of(b"RIFF\x24\0\0\0WAVE" + bytes(20)) == "corrupt"
    assert reason_of(file_of(np.zeros([0], "float32"))) == "no_samples"
    assert reason_of(file_of(np.array([0.1, np.nan], "float32"), 8000, "WAV", "FLOAT")) == "not_finite"
    assert reason_of(file_of(20_000 * tone(), 8000, "WAV", "FLOAT")) == "unknown_range"
    header = bytearray(file_of(tone(), 8000))
    header[24:28] = (0).to_bytes(4, "little")  # No samples in a second.
    assert reason_of(bytes(header)) in ("corrupt", "not_a_sound")


def test_wavs_of_unknown_length_are_read():
    """As programs write them to a pipe."""
    data = bytearray(file_of(tone(), 8000))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    np.testing.assert_allclose(decode_sound(bytes(data)).samples[:, 0], tone(), atol=1e-4)


def test_flac_keeps_16_bits_exactly():
    samples = to_int16(np.concatenate([tone(), [-1.0, 1.0, 0.4 / 32768]]))
    assert samples[-3:].tolist() == [-32768, 32767, 0]
    data = encode_flac(samples, 8000)
    assert data[:4] == b"fLaC" and encode_flac(samples, 8000) == data
    np.testing.assert_array_equal(decode_flac(data), samples)
