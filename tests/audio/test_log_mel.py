"""Log-mel spectrograms against SciPy's transform and TensorFlow's mel bands, and back to sound."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from tests.audio.sounds import sweep, tone
from tfgan_suite.audio.fourier import FrameTransform
from tfgan_suite.audio.griffin_lim import invert_log_mel
from tfgan_suite.audio.log_mel import LogMel
from tfgan_suite.foundation.errors import UserError

SMALL = LogMel(sample_rate_hz=8000, fft_length=256, hop_length=64, num_bands=64)


def test_bands_are_those_of_another_library():
    """TensorFlow's triangles are HTK's too; it interpolates in mel, so they differ slightly."""
    log_mel = LogMel(
        sample_rate_hz=16000, fft_length=1024, hop_length=256, num_bands=40, lowest_hz=100, highest_hz=7000
    )
    theirs = tf.signal.linear_to_mel_weight_matrix(40, 513, 16000, 100.0, 7000.0).numpy().T
    np.testing.assert_allclose(log_mel.bands(), theirs, atol=0.06)
    assert np.abs(log_mel.bands() - theirs).mean() < 1e-3


def test_a_band_too_narrow_for_a_frequency_takes_the_nearest():
    narrow = LogMel(sample_rate_hz=8000, fft_length=64, hop_length=16, num_bands=64, lowest_hz=0)
    assert (narrow.bands().sum(axis=1) > 0).all()


def test_values_against_scipy():
    samples = sweep()
    window = signal.get_window("hann", 256)
    transform = signal.ShortTimeFFT(window, hop=64, fs=8000)
    # SciPy's slices are centered on multiples of the hop, ours on the middles of hops.
    shifted = np.pad(samples.astype(np.float64), (0, 32))[32:]
    frames = transform.stft(shifted, p0=0, p1=64)  # [frequencies, frames]
    decibels = 20 * np.log10(np.maximum(SMALL.bands() @ np.abs(frames) * 2 / window.sum(), 1e-10))
    expected = np.clip((decibels + 80) / 80, 0, 1)[::-1] * 2 - 1
    # The first two frames see the samples that the shift has cut off.
    np.testing.assert_allclose(SMALL.values(samples)[:, 2:], expected[:, 2:], atol=1e-5)


def test_a_tone_of_full_scale_is_at_zero_decibels_in_its_band():
    values = SMALL.values(tone(1000, amplitude=1.0))
    row, column = np.unravel_index(values.argmax(), values.shape)
    center = SMALL.bands()[63 - row].argmax() * 8000 / 256
    assert abs(center - 1000) < 50
    assert values.max() > 0.97


def test_the_transform_is_tensorflows_and_inverts():
    samples = np.random.default_rng(0).normal(size=[2, 640]).astype("float32")
    transform = FrameTransform(SMALL.window(), 64, 10)
    real, imaginary = transform.forward(samples)
    padded = np.pad(samples, [(0, 0), (96, 96)])
    expected = tf.signal.stft(padded, 256, 64, 256).numpy()
    np.testing.assert_allclose(real, expected.real, atol=2e-4)
    np.testing.assert_allclose(imaginary, expected.imag, atol=2e-4)
    np.testing.assert_allclose(transform.inverse(real, imaginary), samples, atol=2e-5)


def numpy_griffin_lim(values, log_mel, num_iterations):
    """The same search, with NumPy's transforms, frame by frame, in double precision."""
    num_frames, length, hop = values.shape[1], log_mel.fft_length, log_mel.hop_length
    window, margin = log_mel.window(), (log_mel.fft_length - log_mel.hop_length) // 2
    count = num_frames * hop

    def forward(samples):
        padded = np.pad(samples, margin)
        return np.stack([np.fft.rfft(window * padded[i * hop : i * hop + length]) for i in range(num_frames)])

    def inverse(spectrum):
        total, weight = np.zeros(count + 2 * margin), np.zeros(count + 2 * margin)
        for i, frame in enumerate(spectrum):
            total[i * hop : i * hop + length] += window * np.fft.irfft(frame, length)
            weight[i * hop : i * hop + length] += window**2
        return (total / np.maximum(weight, 1e-300))[margin : margin + count]

    share = (values.astype(np.float64)[::-1].T + 1) / 2
    decibels = log_mel.floor_db + share * (log_mel.ceiling_db - log_mel.floor_db)
    bands = np.where(share > 0, 10 ** (decibels / 20), 0)
    magnitudes = np.maximum(bands @ np.linalg.pinv(log_mel.bands()).T, 0) * window.sum() / 2
    phases = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitudes.shape)
    spectrum = magnitudes * np.exp(1j * phases)
    last = forward(inverse(spectrum))
    for _ in range(num_iterations):
        now = forward(inverse(spectrum))
        ahead = now + 0.99 * (now - last)
        spectrum, last = magnitudes * ahead / np.maximum(np.abs(ahead), 1e-8), now
    return np.clip(inverse(spectrum), -1, 1)


def test_inversion_equals_numpys():
    values = SMALL.values(sweep(1024))
    ours = invert_log_mel(values[None], SMALL, 8).numpy()[0]
    # Float32 and many steps, of which each divides by magnitudes.
    np.testing.assert_allclose(ours, numpy_griffin_lim(values, SMALL, 8), atol=2e-3)


def test_what_is_inverted_has_the_spectrogram_again():
    values = SMALL.values(sweep())
    inverted = invert_log_mel(values[None], SMALL).numpy()[0]
    started = invert_log_mel(values[None], SMALL, 0).numpy()[0]
    loud = values > 0  # Within 40 dB of full scale.
    assert np.abs(SMALL.values(inverted) - values)[loud].mean() * 40 < 1.5  # Decibels.
    assert np.abs(SMALL.values(started) - values)[loud].mean() * 40 > 4


def test_silence_stays_silent():
    assert not invert_log_mel(-np.ones([1, 64, 8], "float32"), SMALL, 4).numpy().any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sample_rate_hz": 500}, "`sample_rate_hz` must be in"),
        ({"fft_length": 256, "hop_length": 200}, "a hop at most half of a frame"),
        ({"num_bands": 1}, "`num_bands` must be an integer >= 2"),
        ({"highest_hz": 9000}, "half of the sample rate"),
        ({"floor_db": 0, "ceiling_db": -10}, "`floor_db` must be below"),
        ({"lowest_hz": float("nan")}, "`lowest_hz` must be a number"),
    ],
)
def test_constants_that_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        LogMel(**arguments)
