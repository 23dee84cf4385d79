"""Clips and files of clips for the tests."""

import io
import subprocess

import numpy as np
from PIL import Image


def moving_square(num_frames=8, size=16, channels=1):
    """A bright square that moves to the right by one pixel a frame, uint8 `[num_frames, size, size, channels]`."""
    frames = np.zeros([num_frames, size, size, channels], np.uint8)
    for time, frame in enumerate(frames):
        frame[4:8, time : time + 4] = 200
    return frames


def gif(frames, milliseconds=100, **arguments):
    """What Pillow writes of frames: those that equal the one before are left out."""
    pictures = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0, **arguments)
    return file.getvalue()


def mp4(frames, path, rate=10, filters="null", more=()):
    """An MP4 of frames in which gray is exact, as bytes."""
    import imageio_ffmpeg

    _, height, width, channels = frames.shape
    pixels = ["-f", "rawvideo", "-pix_fmt", {1: "gray", 3: "rgb24"}[channels], "-s", f"{width}x{height}"]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-y",
        "-v",
        "error",
        *pixels,
        "-r",
        str(rate),
        "-i",
        "-",
        "-vf",
        filters,
    ]
    command += ["-fps_mode", "passthrough", "-c:v", "libx264rgb", "-qp", "0", *more, "-f", "mp4", str(path)]
    subprocess.run(command, input=np.ascontiguousarray(frames).tobytes(), check=True)
    return path.read_bytes()


def png(frame):
    file = io.BytesIO()
    Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame).save(file, "PNG")
    return file.getvalue()
