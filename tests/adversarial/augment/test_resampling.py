import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.adversarial.augment import resampling
from tfgan_suite.adversarial.augment.image_filter import amplify_bands
from tfgan_suite.adversarial.augment.resampling import MARGIN, downsample, period, reflect, upsample
from tfgan_suite.adversarial.augment.wavelets import SYM2, SYM6, octave_bands


@pytest.mark.parametrize("taps", [SYM2, SYM6])
def test_wavelets_are_orthonormal_with_vanishing_moments(taps):
    order = len(taps) // 2
    np.testing.assert_allclose(taps.sum(), np.sqrt(2.0), atol=1e-10)
    shifted = [np.sum(taps[2 * shift :] * taps[: len(taps) - 2 * shift]) for shift in range(order)]
    np.testing.assert_allclose(shifted, [1.0] + [0.0] * (order - 1), atol=1e-10)
    positions = (np.arange(len(taps)) - order) / order
    moments = [np.sum((-1.0) ** np.arange(len(taps)) * positions**power * taps) for power in range(order)]
    np.testing.assert_allclose(moments, np.zeros(order), atol=1e-10)


def test_bands_sum_to_the_signal_and_split_it_in_octaves():
    bands = octave_bands(SYM2)
    assert bands.shape == (4, 43)
    impulse = np.zeros(43)
    impulse[21] = 1.0
    np.testing.assert_allclose(bands.sum(axis=0), impulse, atol=1e-12)
    np.testing.assert_allclose(bands, bands[:, ::-1], atol=1e-12)  # No phase.
    frequencies = np.linspace(0, np.pi, 400)
    responses = np.array([[np.sum(band * np.cos(w * np.arange(-21, 22))) for w in frequencies] for band in bands])
    for band, (low, high) in enumerate([(0, 1 / 8), (1 / 8, 1 / 4), (1 / 4, 1 / 2), (1 / 2, 1)]):
        middle = np.argmin(np.abs(frequencies / np.pi - (low + high) / 2))
        assert responses[:, middle].argmax() == band


@pytest.mark.parametrize("block", [128, 4])
@pytest.mark.parametrize("size", [2, 5, 9])
def test_upsampling_is_a_convolution_of_the_reflected_signal(monkeypatch, block, size):
    """With blocks shorter than the signal, and without."""
    monkeypatch.setattr(resampling, "_BLOCK", block)
    resampling._upsampling.cache_clear()
    signal = np.random.default_rng(0).normal(size=[size, 3]).astype("float32")
    outputs = upsample(tf.constant(signal[None, :, None].repeat(3, axis=2)))[0, :, 0].numpy()
    resampling._upsampling.cache_clear()
    assert outputs.shape == (period(size), 3)
    extended = signal[reflect(np.arange(-50, 50 + 2 * size), size)]  # From position -50 on.
    stuffed = np.zeros([2 * len(extended), 3])
    stuffed[::2] = extended
    # The other axis is constant, so that its filter's two phases are a factor each: the sums of every other tap.
    factor = np.sqrt(2.0) * SYM6[::2].sum()
    for channel in range(3):
        expected = np.convolve(stuffed[:, channel], np.sqrt(2.0) * SYM6)[100 : 100 + period(size)]
        np.testing.assert_allclose(outputs[:, channel], expected * factor, atol=1e-5)


@pytest.mark.parametrize("block", [128, 4])
@pytest.mark.parametrize("shape", [(9, 6), (16, 16), (7, 21)])
def test_downsampling_undoes_upsampling(monkeypatch, block, shape):
    monkeypatch.setattr(resampling, "_BLOCK", block)
    resampling._upsampling.cache_clear(), resampling._downsampling.cache_clear()
    images = np.random.default_rng(0).normal(size=[2, *shape, 3]).astype("float32")
    doubled = upsample(tf.constant(images)).numpy()
    rows, columns = (np.arange(2 * size + MARGIN) % period(size) for size in shape)
    restored = downsample(tf.constant(doubled[:, rows][:, :, columns]))
    resampling._upsampling.cache_clear(), resampling._downsampling.cache_clear()
    np.testing.assert_allclose(restored, images, atol=1e-5)


@pytest.mark.parametrize("size", [2, 7])
def test_reflection(size):
    signal = np.arange(size)
    expected = np.pad(signal, 30, mode="reflect")
    np.testing.assert_array_equal(signal[reflect(np.arange(-30, size + 30), size)], expected)


def test_amplified_bands_against_a_convolution():
    images = np.random.default_rng(0).normal(size=[2, 50, 45, 2]).astype("float32")
    gains = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 2.0, 1.5, 0.7]], "float32")
    outputs = amplify_bands(tf.constant(images), tf.constant(gains)).numpy()
    np.testing.assert_array_equal(outputs[0], images[0])
    taps = gains[1] @ octave_bands(SYM2)
    padded = np.pad(images[1], [(21, 21), (21, 21), (0, 0)], mode="reflect")
    for axis in (0, 1):
        padded = np.apply_along_axis(lambda line: np.convolve(line, taps, mode="valid"), axis, padded)
    np.testing.assert_allclose(outputs[1], padded, atol=1e-5)
