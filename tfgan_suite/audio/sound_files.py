"""Sound files: which there are, how they are recognized, decoded, checked and written. libsndfile does the work.

A file that cannot be used raises `ExampleRefused` with a machine-readable reason; nothing is quietly repaired.
"""

import io
import re

import numpy as np

from tfgan_suite.audio.recording import Recording
from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.example_refused import ExampleRefused

FORMAT_NAMES = "WAV, FLAC, OGG, AIFF or MP3"
SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".mp3")
# Sound too, which is not read: it is refused, not passed over.
OTHER_SUFFIXES = (".m4a", ".aac", ".wma", ".amr", ".ape", ".wv", ".mid", ".midi", ".ra", ".caf", ".au", ".snd")
SIGNATURES = re.compile(
    rb"(RIFF|RF64|riff).{4}WAVE|fLaC|OggS|FORM.{4}AIF[FC]|ID3|\xff[\xfb\xfa\xf3\xf2\xe3\xe2]", re.DOTALL
)
# An hour at 48 kHz in stereo. A header can claim anything.
MAX_VALUES = 3600 * 48_000 * 2
# Samples that are this many times full scale have another scale, such as that of 16-bit integers.
_MAX_PEAK = 8.0


def decode_sound(data: bytes) -> Recording:
    """Decodes a sound file, always whole and as floats.

    Parts of Ogg files, and integers of those that are louder than full scale, come wrong out of libsndfile.

    Args:
        data: Bytes. The content of a WAV, FLAC, OGG (Vorbis or Opus), AIFF or MP3 file.

    Returns:
        A `Recording`.

    Raises:
        ExampleRefused: With reason `empty_file`, `not_a_sound`, `too_long`, `truncated`, `corrupt`, `no_samples`,
            `not_finite` or `unknown_range`.
        MissingExtraError: The package soundfile is not installed.
    """
    soundfile = import_soundfile()
    if not data:
        raise ExampleRefused("empty_file", "The file is empty (0 bytes).")
    try:
        file = soundfile.SoundFile(io.BytesIO(data))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        if SIGNATURES.match(data):
            raise ExampleRefused("corrupt", f"The header is corrupt: {_reason(error)}") from error
        raise ExampleRefused("not_a_sound", f"Not a {FORMAT_NAMES} file, whatever its name says.") from error
    with file:
        promised, rate = file.frames, file.samplerate
        if promised * file.channels > MAX_VALUES:
            raise ExampleRefused(
                "too_long", f"The header claims {promised:,} samples of {file.channels} channels, which is too much."
            )
        _check_whole(data)
        try:
            samples = file.read(dtype="float32", always_2d=True)  # [count, channels]
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise ExampleRefused("corrupt", f"It cannot be decoded: {_reason(error)}") from error
    if len(samples) < promised:
        raise ExampleRefused("truncated", f"It holds {len(samples):,} of the {promised:,} samples that it claims.")
    if not len(samples):
        raise ExampleRefused("no_samples", "It holds no samples.")
    if not np.isfinite(samples).all():
        raise ExampleRefused("not_finite", "It has samples that are not finite.")
    peak = float(np.abs(samples).max())
    if peak > _MAX_PEAK:
        raise ExampleRefused("unknown_range", f"Its samples reach {peak:,.0f} times full scale: save it in [-1, 1].")
    return Recording(samples, rate)


def num_samples(data: bytes) -> tuple[int, int]:
    """The samples and the rate that a file's header states; `(0, 0)` if it cannot be read."""
    soundfile = import_soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return file.frames, file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return 0, 0


def encode_flac(samples: np.ndarray, sample_rate_hz: int) -> bytes:
    """A FLAC file of 16-bit samples, int16 `[count]`. Equal samples give equal bytes."""
    file = io.BytesIO()
    import_soundfile().write(file, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(data: bytes) -> np.ndarray:
    """The samples of what `encode_flac` wrote, int16 `[count]`."""
    return import_soundfile().read(io.BytesIO(data), dtype="int16")[0]


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as 16-bit integers, rounded, held within the range."""
    return np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)


def import_soundfile():
    """The package, or an error that names the extra which installs it."""
    return import_extra("soundfile", "audio", "A source of sound")


def _check_whole(data: bytes) -> None:
    """Refuses files that are cut short, which libsndfile reads as far as they go."""
    claimed = None
    if data[:4] in (b"RIFF", b"FORM"):
        claimed = 8 + int.from_bytes(data[4:8], "little" if data[:4] == b"RIFF" else "big")
        if claimed in (8, 8 + 0xFFFFFFFF):  # Written to a pipe: the length was not known.
            claimed = None
    if claimed is not None and len(data) + 1 < claimed:
        raise ExampleRefused("truncated", f"It has {len(data):,} of the {claimed:,} bytes that its header claims.")
    if data[:4] == b"OggS":
        page = data[data.rfind(b"OggS") :]
        is_whole = len(page) > 26 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
        if not is_whole or not page[5] & 4:  # The bit of the last page of a stream.
            raise ExampleRefused("truncated", "Its last page is missing, or not whole.")


def _reason(error) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".") + "."
