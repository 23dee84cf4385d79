"""From recordings to clips of one length: mono, another rate, silent ends off, one loudness."""

import math

import numpy as np

from tfgan_suite.audio.recording import Recording
from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.example_refused import ExampleRefused

# Quieter than this at its loudest, a recording is silence: two steps of 16 bits.
_SILENCE = 2 / 32768
# Of this many equal samples in a row, at the loudest value of a channel near full scale, the tops are cut off.
_CLIPPED_RUN = 3
_FULL_SCALE = 0.98
_PEAK = 10 ** (-1 / 20)  # 1 dB below full scale.
_RMS = 10 ** (-20 / 20)
_TRIM_SECONDS = 0.01
LOUDNESS = ("peak", "rms", "none")


def is_silent(recording: Recording) -> bool:
    """Whether a recording has no samples, or none that is louder than two steps of 16 bits."""
    return not recording.samples.size or float(np.abs(recording.samples).max()) <= _SILENCE


def check_sound(recording: Recording, max_clipped_fraction: float) -> None:
    """Refuses silence, and recordings whose tops are cut off.

    Args:
        recording: `Recording`.
        max_clipped_fraction: Float in [0, 1]. The share of samples that may lie in flat runs at full scale.

    Raises:
        ExampleRefused: With reason `silent` or `clipped`.
    """
    if is_silent(recording):
        raise ExampleRefused("silent", "It is silent from beginning to end.")
    magnitudes = np.abs(recording.samples)
    peaks = magnitudes.max(axis=0)
    at_peak = (magnitudes >= peaks - 1e-4) & (peaks >= _FULL_SCALE)
    runs = at_peak.copy()  # Whether a flat run of the least length begins here.
    for shift in range(1, _CLIPPED_RUN):
        runs[:-shift] &= at_peak[shift:]
        runs[len(runs) - shift :] = False
    clipped = runs.copy()
    for shift in range(1, _CLIPPED_RUN):
        clipped[shift:] |= runs[:-shift]
    share = float(clipped.mean())
    if share > max_clipped_fraction:
        raise ExampleRefused("clipped", f"{share:.1%} of its samples are cut off at full scale.")


def to_mono(recording: Recording) -> np.ndarray:
    """The mean of all channels, float32 `[count]`.

    Raises:
        ExampleRefused: With reason `channels_cancel`: the channels are each other's opposite.
    """
    samples = recording.samples
    if samples.shape[1] == 1:
        return samples[:, 0]
    mono = samples.mean(axis=1)
    if np.abs(mono).max() <= _SILENCE:
        raise ExampleRefused(
            "channels_cancel", "Its channels are each other's opposite: nothing is left of their mean."
        )
    return mono


def resample(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Brings samples, float32 `[count]`, to another rate by a polyphase filter without delay.

    `ceil(count * to_hz / from_hz)` samples come out.
    """
    if from_hz == to_hz:
        return samples
    signal = import_extra("scipy.signal", "audio", "Sound of another sample rate")
    divisor = math.gcd(from_hz, to_hz)
    return signal.resample_poly(samples, to_hz // divisor, from_hz // divisor).astype(np.float32)


def trim(samples: np.ndarray, sample_rate_hz: int, trim_db: float) -> np.ndarray:
    """Cuts off both ends as long as they are `trim_db` quieter than the loudest 10 milliseconds."""
    length = max(1, round(_TRIM_SECONDS * sample_rate_hz))
    padded = np.pad(samples, (0, -len(samples) % length))
    power = np.mean(padded.reshape(-1, length).astype(np.float64) ** 2, axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-trim_db / 10))
    return samples[loud[0] * length : (loud[-1] + 1) * length]


def to_loudness(samples: np.ndarray, loudness: str) -> np.ndarray:
    """Scales samples, float32 `[count]`: `"peak"` to 1 dB below full scale, `"rms"` to a mean of -20 dB, no peak above that."""
    peak = float(np.abs(samples).max())
    if loudness == "none" or not peak:
        return np.clip(samples, -1, 1)
    factor = _PEAK / peak
    if loudness == "rms":
        factor = min(factor, _RMS / float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))))
    return (samples * factor).astype(np.float32)


def fit_length(samples: np.ndarray, count: int) -> np.ndarray:
    """The first `count` samples, or all of them and silence behind."""
    return np.pad(samples[:count], (0, max(0, count - len(samples))))
