"""LogMel: how a clip of sound becomes a picture of its loudness by frequency and time, and what inverts it."""

import dataclasses
import functools

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count, is_number

_SMALLEST = 1e-10  # Of a magnitude, before its logarithm is taken: 200 dB below full scale.


@dataclasses.dataclass(frozen=True)
class LogMel:
    """The constants of a log-mel spectrogram. Without them nobody can make sound of one again.

    A clip of `num_frames * hop_length` samples becomes `num_frames` frames: frame i is the Fourier transform of the
    `fft_length` samples around the middle of the i-th hop, with a Hann window; beyond the ends of the clip is silence.
    Magnitudes, of which that of a sine of full scale is 1, are added up in `num_bands` triangular bands that lie evenly on
    the mel scale. Their decibels are limited to `[floor_db, ceiling_db]`, which becomes [-1, 1].

    Args:
        sample_rate_hz: Integer >= 1000. Samples per second.
        fft_length: Integer, an even number. Samples of a frame.
        hop_length: Integer. Samples from one frame to the next; at most half of `fft_length`, whose difference to it is even.
        num_bands: Integer >= 2. Mel bands, from low to high.
        lowest_hz: Float >= 0. Where the lowest band begins.
        highest_hz: Float, at most half of `sample_rate_hz`, which is the default (`None`). Where the highest band ends.
        floor_db: Float. Whatever is quieter than this counts as this.
        ceiling_db: Float above `floor_db`. Whatever is louder than this counts as this.

    Raises:
        UserError: A constant out of its range.

    Example: half a second at 8 kHz as a square picture.

    >>> log_mel = LogMel(sample_rate_hz=8000, fft_length=256, hop_length=64, num_bands=64, lowest_hz=60)
    >>> log_mel.values(np.zeros([64 * 64], "float32")).shape
    (64, 64)

    Reference: Donahue et al., "Adversarial Audio Synthesis" (2019), section 3.2, for spectrograms as images (SpecGAN); Stevens,
    Volkmann and Newman (1937) for the mel scale, here `2595 log10(1 + f / 700)`.
    """

    sample_rate_hz: int = 16_000
    fft_length: int = 1024
    hop_length: int = 256
    num_bands: int = 64
    lowest_hz: float = 60.0
    highest_hz: float | None = None
    floor_db: float = -80.0
    ceiling_db: float = 0.0

    def __post_init__(self):
        for name in ("sample_rate_hz", "fft_length", "hop_length", "num_bands"):
            if not is_count(getattr(self, name)):
                raise UserError(f"`{name}` must be an integer >= 1. Received: {name}={getattr(self, name)!r}")
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("lowest_hz", "floor_db", "ceiling_db") + ("highest_hz",) * (self.highest_hz is not None):
            if not is_number(getattr(self, name)):
                raise UserError(f"`{name}` must be a number. Received: {name}={getattr(self, name)!r}")
            object.__setattr__(self, name, float(getattr(self, name)))
        if not 1000 <= self.sample_rate_hz <= 768_000:
            raise UserError(
                f"`sample_rate_hz` must be in [1000, 768000]. Received: sample_rate_hz={self.sample_rate_hz}"
            )
        if self.fft_length % 2 or self.hop_length % 2 or not 2 <= self.hop_length <= self.fft_length // 2:
            raise UserError(
                "`fft_length` and `hop_length` must be even, and a hop at most half of a frame, or no sound can be made of the "
                f"frames. Received: fft_length={self.fft_length}, hop_length={self.hop_length}"
            )
        if self.num_bands < 2:
            raise UserError(f"`num_bands` must be an integer >= 2. Received: num_bands={self.num_bands}")
        if not 0 <= self.lowest_hz < self.end_hz <= self.sample_rate_hz / 2:
            raise UserError(
                f"`lowest_hz` and `highest_hz` must be in [0, {self.sample_rate_hz / 2:g}], half of the sample rate, in this "
                f"order. Received: lowest_hz={self.lowest_hz:g}, highest_hz={self.highest_hz}"
            )
        if self.floor_db >= self.ceiling_db:
            raise UserError(
                f"`floor_db` must be below `ceiling_db`. Received: floor_db={self.floor_db:g}, "
                f"ceiling_db={self.ceiling_db:g}"
            )

    @property
    def end_hz(self) -> float:
        """Where the highest band ends."""
        return self.sample_rate_hz / 2 if self.highest_hz is None else self.highest_hz

    def window(self) -> np.ndarray:
        """The (periodic) Hann window of a frame, float64 `[fft_length]`."""
        return _hann(self.fft_length)

    def bands(self) -> np.ndarray:
        """The weight of each frequency of the transform in each band, float64 `[num_bands, fft_length // 2 + 1]`.

        Triangles whose peak is 1. A band that is too narrow to hold a frequency takes the nearest one.
        """
        return _bands(self.num_bands, self.fft_length, self.sample_rate_hz, self.lowest_hz, self.end_hz)

    def from_bands(self) -> np.ndarray:
        """The least-squares inverse of `bands`, float64 `[fft_length // 2 + 1, num_bands]`."""
        return np.linalg.pinv(self.bands())

    def values(self, samples: np.ndarray) -> np.ndarray:
        """The spectrogram of a clip, as models see it. Needs no TensorFlow.

        Args:
            samples: Float array `[num_frames * hop_length]`, in [-1, 1].

        Returns:
            float32 `[num_bands, num_frames]` in [-1, 1]. The first row is the highest band, so that it is a picture.
        """
        margin = (self.fft_length - self.hop_length) // 2
        padded = np.pad(np.asarray(samples, np.float64), margin)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft_length)[:: self.hop_length]
        window = self.window()
        magnitudes = np.abs(np.fft.rfft(frames * window)) * (2 / window.sum())  # [frames, frequencies]
        decibels = 20 * np.log10(np.maximum(self.bands() @ magnitudes.T, _SMALLEST))  # [bands, frames]
        share = (decibels - self.floor_db) / (self.ceiling_db - self.floor_db)
        return (2 * np.clip(share, 0, 1) - 1)[::-1].astype(np.float32)

    def describe(self) -> str:
        """The constants in words."""
        return (
            f"{self.sample_rate_hz / 1000:g} kHz, {self.num_bands} mel bands from {self.lowest_hz:g} to {self.end_hz:g} Hz, frames "
            f"of {self.fft_length} samples every {self.hop_length}, {self.floor_db:g} to {self.ceiling_db:g} dB"
        )


def _hann(length):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


@functools.lru_cache(maxsize=16)
def _bands(num_bands, fft_length, sample_rate_hz, lowest_hz, end_hz):
    def to_mel(hertz):
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = 700 * (10 ** (np.linspace(to_mel(lowest_hz), to_mel(end_hz), num_bands + 2) / 2595) - 1)
    frequencies = np.arange(fft_length // 2 + 1) * (sample_rate_hz / fft_length)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rising, falling))  # [bands, frequencies]
    for band in np.flatnonzero(~weights.any(axis=1)):
        weights[band, np.abs(frequencies - edges[band + 1]).argmin()] = 1.0
    weights.setflags(write=False)
    return weights
