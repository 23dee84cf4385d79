"""Animations as files: GIF by Pillow, and MP4 by the program ffmpeg."""

import io
import os
import subprocess

import numpy as np
from PIL import Image

from tfgan_suite.foundation.errors import UserError, import_extra
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.video.gif_files import hundredths

ANIMATION_SUFFIXES = (".gif", ".mp4")
_PALETTE_FRAMES = 16
# Without a tag, each player guesses by itself which colors are meant.
_BT709 = (
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
)


def write_animation(frames, path, frames_per_second=30):
    """Writes frames as an endlessly looping GIF, or as an MP4 (H.264, which requires the extra `[video]`).

    A GIF has 256 colors for the whole animation and stores frame durations in hundredths of a second, so 30 frames per
    second become 33. Grayscale images are stored losslessly. Transparent images are placed on a white background.

    Args:
        frames: uint8 array `[count, height, width, channels]` with 1, 3, or 4 channels.
        path: String or path of the file to write, `NAME.gif` or `NAME.mp4`.
        frames_per_second: Float in [1, 50]. Frame rate.

    Raises:
        UserError: If the suffix is not supported, the frame rate is out of range, or ffmpeg fails. An existing file is
            kept in this case.
        MissingExtraError: If the file is an MP4, and `imageio-ffmpeg` is not installed.
    """
    path = local_path(path)
    check_animation(path, frames_per_second)
    path.parent.mkdir(parents=True, exist_ok=True)
    if frames.shape[-1] == 4:
        alpha = frames[..., 3:].astype(np.float32) / 255.0
        frames = np.rint(frames[..., :3] * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
    if path.suffix.lower() == ".gif":
        write_atomically(path, encode_gif(frames, frames_per_second))
    else:
        _write_mp4(frames, path, frames_per_second)


def check_animation(path, frames_per_second):
    """Checks the arguments of `write_animation` before the frames are generated.

    Args:
        path: String or path of the file to write.
        frames_per_second: Float in [1, 50]. Frame rate.

    Raises:
        UserError: If the suffix is not supported, or the frame rate is out of range.
        MissingExtraError: If the file is an MP4, and `imageio-ffmpeg` is not installed.
    """
    suffix = local_path(path).suffix.lower()
    if suffix not in ANIMATION_SUFFIXES:
        raise UserError(f"`path` must be a file NAME.gif or NAME.mp4. Received: path={str(path)!r}")
    if not 1 <= frames_per_second <= 50:
        raise UserError(f"`frames_per_second` must be in [1, 50]. Received: frames_per_second={frames_per_second}")
    if suffix == ".mp4":
        import_extra("imageio_ffmpeg", "video", "Writing MP4")


def encode_gif(frames, frames_per_second):
    """The GIF of `write_animation`, as bytes. A frame that equals the one before is not stored: that one lasts longer.

    Args:
        frames: uint8 array `[count, height, width, channels]` with 1 or 3 channels.
        frames_per_second: Float in [1, 50]. Frame rate.
    """
    if frames.shape[-1] == 1:
        pictures = [Image.fromarray(frame[..., 0]) for frame in frames]
    else:
        # All frames share one palette; otherwise, flat areas would flicker.
        shown = frames[:: -(-len(frames) // _PALETTE_FRAMES)]
        palette = Image.fromarray(np.concatenate(shown)).quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
        pictures = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    content = io.BytesIO()
    duration = 10 * hundredths(frames_per_second)  # Milliseconds.
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)
    return content.getvalue()


def _write_mp4(frames, path, frames_per_second):
    ffmpeg = import_extra("imageio_ffmpeg", "video", "Writing MP4").get_ffmpeg_exe()
    # Players expect colors at half the resolution, which requires even sizes.
    frames = np.pad(frames, [[0, 0], [0, frames.shape[1] % 2], [0, frames.shape[2] % 2], [0, 0]], "edge")
    _, height, width, channels = frames.shape
    pixels = ["-f", "rawvideo", "-pix_fmt", {1: "gray", 3: "rgb24"}[channels], "-s", f"{width}x{height}"]
    coded = [*_BT709, "-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # imageio-ffmpeg's own writer is not used because it does not report failures of the program.
    command = [ffmpeg, "-y", "-v", "error", *pixels, "-r", str(frames_per_second), "-i", "-", *coded, str(temporary)]
    try:
        done = subprocess.run(command, input=np.ascontiguousarray(frames).data.cast("B"), capture_output=True)
        if done.returncode:
            raise UserError(
                f"ffmpeg could not write {path}. It exited with code {done.returncode}: "
                f"{done.stderr.decode(errors='replace').strip()}"
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
