"""AudioFormat: how recordings become clips, and what models see of them."""

import dataclasses
import functools
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from tfgan_suite.audio import clips, sound_files
from tfgan_suite.audio.log_mel import LogMel
from tfgan_suite.audio.recording import Recording
from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.specs.log_mel_spec import LogMelSpec
from tfgan_suite.specs.waveform_spec import WaveformSpec

REPRESENTATIONS = ("log_mel", "waveform")
CUTS = ("whole", "first", "windows")
# The clips of a set of waveforms by default: WaveGAN's.
_DEFAULT_SAMPLES = 16_384


@dataclasses.dataclass(frozen=True)
class AudioFormat(ExampleFormat):
    """How every clip sounds, and how recordings come to it: decoded, mixed to one channel, resampled, trimmed and cut.

    Args:
        representation: String. `"log_mel"`: models see a picture, the log-mel spectrogram. `"waveform"`: they see samples.
        sample_rate_hz: Integer. Samples per second of every clip. Recordings of a lower rate are refused, since nothing
            is there of their upper part.
        num_frames: Integer >= 2. Frames of a clip, the width of its spectrogram; it lasts `num_frames * hop_length` samples.
        num_samples: Integer. Length of a clip where models see samples; 16,384 by default. Of spectrograms, frames say it.
        fft_length: Integer. As in `LogMel`, for spectrograms; so are the five that follow.
        hop_length: Integer.
        num_bands: Integer. The height of the spectrogram.
        lowest_hz: Float.
        highest_hz: Float, or `None`.
        floor_db: Float.
        ceiling_db: Float.
        cut: String. `"whole"`: a recording is one clip, with silence behind; one that is longer is refused. `"first"`: only
            its beginning is taken. `"windows"`: it is cut into clips, one behind the other; a rest is left out, and silent
            clips are set aside.
        trim_db: Float > 0, or `None`. Both ends are cut off as long as they are this much quieter than the loudest 10
            milliseconds. `None` keeps them, as `cut="windows"` does anyway.
        loudness: String. `"peak"` scales each clip to 1 dB below full scale, `"rms"` to a mean of 20 dB below it, `"none"`
            leaves it.
        max_clipped_fraction: Float in [0, 1]. A recording with more samples than this share cut off at full scale is
            refused.
        encoding: String. How records store a spectrogram: `"png"`, `"webp"` or `"raw"`.

    Raises:
        UserError: A setting out of its range.

    Example:

    >>> tone = np.sin(np.arange(44100) * 0.05).astype("float32")
    >>> AudioFormat(cut="first").prepare(Recording(tone[:, None], 44100)).shape
    (64, 64, 1)
    """

    representation: str = "log_mel"
    sample_rate_hz: int = LogMel.sample_rate_hz
    num_frames: int = 64
    num_samples: int | None = None
    fft_length: int = LogMel.fft_length
    hop_length: int = LogMel.hop_length
    num_bands: int = LogMel.num_bands
    lowest_hz: float = LogMel.lowest_hz
    highest_hz: float | None = LogMel.highest_hz
    floor_db: float = LogMel.floor_db
    ceiling_db: float = LogMel.ceiling_db
    cut: str = "whole"
    trim_db: float | None = 40.0
    loudness: str = "peak"
    max_clipped_fraction: float = 0.01
    encoding: str = "png"

    def __post_init__(self):
        for name, choices in (
            ("representation", REPRESENTATIONS),
            ("cut", CUTS),
            ("loudness", clips.LOUDNESS),
        ):
            if getattr(self, name) not in choices:
                raise unknown_name(f"`{name}` of sound", str(getattr(self, name)), choices)
        if not is_count(self.num_frames) or self.num_frames < 2:
            raise UserError(f"`num_frames` must be an integer >= 2. Received: num_frames={self.num_frames!r}")
        if self.representation == "log_mel" and self.num_samples is not None:
            raise UserError(
                "`num_samples` must be left out for spectrograms, which last num_frames * hop_length samples. Received: "
                f"num_samples={self.num_samples!r}"
            )
        if self.num_samples is not None and not is_count(self.num_samples):
            raise UserError(f"`num_samples` must be an integer >= 1. Received: num_samples={self.num_samples!r}")
        if self.trim_db is not None and not (is_number(self.trim_db) and self.trim_db > 0):
            raise UserError(f"`trim_db` must be a number above 0, or None. Received: trim_db={self.trim_db!r}")
        if not is_number(self.max_clipped_fraction) or not 0 <= self.max_clipped_fraction <= 1:
            raise UserError(
                "`max_clipped_fraction` must be a number in [0, 1]. Received: "
                f"max_clipped_fraction={self.max_clipped_fraction!r}"
            )
        _ = self.spec  # Which refuses constants that do not go together.

    @functools.cached_property
    def spec(self):
        if self.representation == "waveform":
            return WaveformSpec((self.num_samples or _DEFAULT_SAMPLES, 1), self.sample_rate_hz)
        constants = {field.name: getattr(self, field.name) for field in dataclasses.fields(LogMel)}
        return LogMelSpec((self.num_bands, self.num_frames, 1), LogMel(**constants), self.encoding)

    def prepare(self, raw):
        return self.prepare_for_record(raw)[0]

    def prepare_for_record(self, raw):
        """As `ExampleFormat.prepare_for_record`, of a file's bytes or a `Recording`; a spectrogram's record keeps the sound."""
        samples = self.clip(sound_files.decode_sound(raw) if isinstance(raw, bytes) else raw)
        example = self.spec.from_samples(samples)
        if self.representation == "waveform":
            return example, {}
        flac = sound_files.encode_flac(sound_files.to_int16(samples), self.sample_rate_hz)
        return example, {"flac": flac, "sample_rate_hz": self.sample_rate_hz}

    def clip(self, recording: Recording) -> np.ndarray:
        """The clip of a recording, float32 `[num_samples]`: of windows, the recording is one.

        Raises:
            ExampleRefused: The recording cannot be used.
        """
        if self.cut == "windows" and clips.is_silent(recording):
            raise ExampleRefused("silent_window", "This part of the recording is silent.")
        clips.check_sound(recording, self.max_clipped_fraction)
        samples = self.at_rate(recording)
        if self.cut != "windows" and self.trim_db is not None:
            samples = clips.trim(samples, self.sample_rate_hz, self.trim_db)
        count = self.spec.num_samples
        if self.cut == "whole" and len(samples) > count:
            raise ExampleRefused(
                "too_long",
                f"It lasts {len(samples) / self.sample_rate_hz:.3g} seconds, and clips {count / self.sample_rate_hz:.3g}. Use "
                "cut='first' or cut='windows'.",
            )
        return clips.fit_length(clips.to_loudness(samples[:count], self.loudness), count)

    def at_rate(self, recording: Recording) -> np.ndarray:
        """The whole recording as one channel of this rate, float32 `[count]`.

        Raises:
            ExampleRefused: With reason `low_sample_rate` or `channels_cancel`.
        """
        if recording.sample_rate_hz < self.sample_rate_hz:
            raise ExampleRefused(
                "low_sample_rate",
                f"It has {recording.sample_rate_hz:,} samples per second, and clips {self.sample_rate_hz:,}: nothing is there of "
                "its upper part. Choose a lower sample_rate_hz.",
            )
        return clips.resample(clips.to_mono(recording), recording.sample_rate_hz, self.sample_rate_hz)

    def settings(self):
        return dataclasses.asdict(self)

    def processing(self):
        return {
            "channels": "mean of all",
            "resampling": f"polyphase, SciPy {_version('scipy')}",
            "decoder": f"soundfile {_version('soundfile')}",
        }

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "spec"}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
