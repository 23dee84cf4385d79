"""Files of clips: which there are, how they are recognized, decoded and checked. Pillow reads GIF, the program ffmpeg MP4.

A file that cannot be used raises `ExampleRefused` with a machine-readable reason; nothing is quietly repaired.
"""

import io
import re
import subprocess
import tempfile

import numpy as np
from PIL import Image

from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.video.clip import Clip

SUFFIXES = (".gif", ".mp4", ".m4v", ".mov")
# Video too, which is not read: it is refused, not passed over.
OTHER_SUFFIXES = (".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".ogv", ".3gp", ".y4m")
SIGNATURES = re.compile(rb"GIF8[79]a|.{4}ftyp", re.DOTALL)
# Of one file, decoded. A header can claim anything.
MAX_PIXELS = 2**29
_TIMEOUT_SECONDS = 300
# What ffmpeg says of each frame that it passes on.
_FRAME = re.compile(rb"\] n: *\d+ pts: *(-?\d+) pts_time:(\S+) .*?\bs:(\d+)x(\d+)\b")
_TIME_BASE = re.compile(rb"config in time_base: (\d+)/(\d+)")
_MP4_HEADER_BYTES = 8


def decode_clip(data, max_frames=None, held_frames="refuse"):
    """Decodes a clip whose frames follow each other at a constant rate.

    Args:
        data: Bytes. The content of a GIF or MP4 file.
        max_frames: Integer. Frames to decode, the first ones; `None` for all.
        held_frames: String, about frames of a GIF that are shown for a whole multiple of the time of the shortest one.
            `"refuse"`: the rate varies. `"repeat"`: they are repeated. Programs that write GIF leave out what equals the frame
            before, and let that one last longer.

    Returns:
        A `Clip`, whose frames have 1, 3 or 4 channels.

    Raises:
        ExampleRefused: With reason `empty_file`, `not_a_clip`, `corrupt`, `truncated`, `too_large`, `no_frame_rate`,
            `variable_frame_rate` or `uneven_frames`.
        MissingExtraError: It is an MP4, and imageio-ffmpeg is not installed.
    """
    if not data:
        raise ExampleRefused("empty_file", "The file is empty (0 bytes).")
    if not SIGNATURES.match(data):
        raise ExampleRefused("not_a_clip", "Not a GIF or MP4 file, whatever its name says.")
    if data.startswith(b"GIF8"):
        return _decode_gif(data, max_frames, held_frames)
    return _decode_mp4(data, max_frames)


def _decode_gif(data, max_frames, held_frames):
    if not data.rstrip(b"\0").endswith(b"\x3b"):
        raise ExampleRefused("truncated", "The GIF ends without its trailer.")
    frames, delays = [], []
    try:
        with Image.open(io.BytesIO(data), formats=["GIF"]) as file:
            _check_size(file.width, file.height, 1)
            while max_frames is None or len(frames) < max_frames:
                # Pillow lays frames over each other as the file says; each is what would be seen, transparent where nothing is.
                frames.append(np.asarray(file.convert("RGBA"), np.uint8))
                delays.append(file.info.get("duration", 0) // 10)  # In hundredths of a second.
                _check_size(file.width, file.height, len(frames))
                try:
                    file.seek(file.tell() + 1)
                except EOFError:
                    break
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError) as error:
        raise ExampleRefused("corrupt", f"The GIF cannot be decoded: {error}") from error
    shortest = min(delays)
    if shortest == 0:
        raise ExampleRefused("no_frame_rate", "The GIF does not say how long it shows a frame.")
    repeats = [1] * len(delays)
    if held_frames == "repeat" and all(delay % shortest == 0 for delay in delays):
        repeats = [delay // shortest for delay in delays]
    # How long the last frame lasts moves nothing.
    elif len(set(delays[:-1])) > 1 or len(delays) > 1 and delays[-1] < delays[0]:
        raise ExampleRefused(
            "variable_frame_rate",
            f"Its frames last {shortest / 100:g} to {max(delays) / 100:g} seconds. If frames were left out because they equal "
            "the one before, use held_frames='repeat'.",
        )
    else:
        shortest = delays[0]
    rgba = np.repeat(np.stack(frames), repeats, axis=0)[:max_frames]
    return Clip(_least_channels(rgba), 100 / shortest)


def _least_channels(rgba):
    """Frames without an alpha channel where all of them are opaque, and with one channel where all of them are gray."""
    if (rgba[..., 3] < 255).any():
        return rgba
    is_gray = (rgba[..., 0] == rgba[..., 1]).all() and (rgba[..., 1] == rgba[..., 2]).all()
    return np.ascontiguousarray(rgba[..., : 1 if is_gray else 3])


def _decode_mp4(data, max_frames):
    _check_boxes(data)
    ffmpeg = import_extra("imageio_ffmpeg", "video", "Reading MP4").get_ffmpeg_exe()
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:  # Of which the end may have to be read first.
        file.write(data)
        file.flush()
        command = [
            *(ffmpeg, "-nostdin", "-hide_banner", "-v", "info", "-xerror", "-err_detect", "explode"),
            # No file can have others read in its place.
            *("-protocol_whitelist", "file", "-f", "mov", "-i", file.name, "-map", "0:v:0"),
            # Otherwise frames would be repeated or left out where their times are uneven.
            *("-fps_mode", "passthrough", "-vf", "showinfo=checksum=0"),
            *([] if max_frames is None else ["-frames:v", str(max_frames)]),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-fs", str(3 * MAX_PIXELS), "-"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ExampleRefused("too_large", f"It takes longer than {_TIMEOUT_SECONDS} seconds to decode.") from error
    shown = _FRAME.findall(done.stderr)
    if done.returncode or not shown:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no frames"]
        raise ExampleRefused("corrupt", f"It cannot be decoded: {said[-1].replace(file.name, 'the file')}")
    if len({frame[2:] for frame in shown}) > 1:
        raise ExampleRefused("uneven_frames", "Its frames have several sizes.")
    width, height = map(int, shown[0][2:])
    _check_size(width, height, len(shown))
    num_frames, rest = divmod(len(done.stdout), height * width * 3)
    if rest or num_frames not in (len(shown), max_frames):  # ffmpeg looks at one more than it was asked for.
        raise ExampleRefused("corrupt", f"ffmpeg passed on {len(done.stdout):,} bytes for {len(shown)} frames.")
    shown = shown[:num_frames]
    frames = np.frombuffer(done.stdout, np.uint8).reshape([-1, height, width, 3])
    return Clip(frames, _constant_rate(shown, _TIME_BASE.search(done.stderr)))


def _constant_rate(shown, time_base):
    """Frames per second of what ffmpeg says about frames; their times are whole ticks, so steps may differ by one."""
    if len(shown) < 2 or time_base is None:
        return None
    ticks = np.array([int(frame[0]) for frame in shown])
    steps = np.diff(ticks)
    second = int(time_base[2]) / int(time_base[1])  # In ticks.
    if steps.min() <= 0 or np.ptp(steps) > 1:
        raise ExampleRefused(
            "variable_frame_rate",
            f"Its frames last {steps.min() / second:.3g} to {steps.max() / second:.3g} seconds.",
        )
    return float(second * len(steps) / (ticks[-1] - ticks[0]))


def _check_boxes(data):
    """Refuses an MP4 that is cut short: its boxes fill it to the last byte."""
    place, names = 0, set()
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        names.add(data[place + 4 : place + 8])
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        size = size or len(data) - place
        if size < _MP4_HEADER_BYTES or place + size > len(data):
            raise ExampleRefused("truncated", f"It has {len(data):,} bytes, and a part of it would end behind them.")
        place += size
    if not {b"moov", b"mdat"} <= names:
        raise ExampleRefused("truncated", "The list of its frames is missing (moov), or the frames are (mdat).")


def _check_size(width, height, num_frames):
    if width * height * num_frames > MAX_PIXELS:
        raise ExampleRefused("too_large", f"{num_frames:,} frames of {width} x {height} pixels are more than are read.")
