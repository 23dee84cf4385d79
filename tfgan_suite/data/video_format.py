"""VideoFormat: how recordings become clips of one size, length and rate."""

import dataclasses
import functools

import numpy as np

from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.image_files import decode_image
from tfgan_suite.data.images import ImageFormat
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.video_spec import VideoSpec
from tfgan_suite.video.clip import Clip
from tfgan_suite.video.clip_files import decode_clip
from tfgan_suite.video.gif_files import hundredths

HELD_FRAMES = ("refuse", "repeat")
# Rates of video are fractions: 29.97 is 30.
_RATE_TOLERANCE = 0.005


@dataclasses.dataclass(frozen=True)
class VideoFormat(ExampleFormat):
    """How every clip looks, and how recordings come to it: decoded, checked, cut to length, cropped and resized.

    Args:
        num_frames: Integer >= 2. Frames of a clip: the first ones of a recording. One with fewer is refused.
        image_size: Integer, pixels of a (square) frame, or tuple `(height, width)`.
        channels: Integer. 1 (gray) or 3 (RGB).
        frames_per_second: Float in [1, 50]. The rate of every clip. A file with another one is refused; folders of frames, which
            state none, are taken to have it.
        frame_step: Integer >= 1. Of so many frames one is kept. Files then have so many times the rate of clips.
        held_frames: String, about a GIF with frames that last a whole multiple of the others. `"refuse"`: it is refused, as its
            rate varies. `"repeat"`: such a frame is repeated. Most programs leave out frames that equal the one before.
        crop: String. As in `ImageFormat`, for each frame.
        resize_filter: String. As in `ImageFormat`.
        background: String. As in `ImageFormat`; also what lies behind a transparent GIF.

    Raises:
        UserError: A setting out of its range.

    Example:

    >>> VideoFormat(num_frames=2, image_size=4, channels=1).prepare(Clip(np.zeros([3, 8, 8, 1], "uint8"))).shape
    (2, 4, 4, 1)
    """

    num_frames: int = 16
    image_size: int | tuple[int, int] = 64
    channels: int = 3
    frames_per_second: float = 10.0
    frame_step: int = 1
    held_frames: str = "refuse"
    crop: str = "center"
    resize_filter: str = "lanczos"
    background: str = "white"

    def __post_init__(self):
        if not is_count(self.num_frames) or self.num_frames < 2:
            raise UserError(f"`num_frames` must be an integer >= 2. Received: num_frames={self.num_frames!r}")
        size = (self.image_size,) * 2 if is_count(self.image_size) else self.image_size
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise UserError(
                f"`image_size` must be an integer, or a tuple (height, width). Received: image_size={self.image_size!r}"
            )
        object.__setattr__(self, "image_size", tuple(size))
        if not is_count(self.frame_step):
            raise UserError(f"`frame_step` must be an integer >= 1. Received: frame_step={self.frame_step!r}")
        if self.held_frames not in HELD_FRAMES:
            raise unknown_name("`held_frames` of video", str(self.held_frames), HELD_FRAMES)
        _ = self.spec  # Which refuses a shape or a rate that clips do not have.

    @functools.cached_property
    def frame_format(self) -> ImageFormat:
        """How each frame looks."""
        height, width = self.image_size
        return ImageFormat(height, width, self.channels, self.crop, self.resize_filter, self.background, encoding="raw")

    @functools.cached_property
    def spec(self):
        return VideoSpec((self.num_frames, *self.frame_format.shape), self.frames_per_second)

    def prepare(self, raw):
        """Makes a clip of a GIF or MP4 file's bytes, of a list of the bytes of image files, or of a `Clip`."""
        num_decoded = (self.num_frames - 1) * self.frame_step + 1
        if isinstance(raw, bytes):
            # One more shows how long the last of them lasts.
            raw = decode_clip(raw, num_decoded + 1, self.held_frames)
        elif isinstance(raw, list):
            raw = self._join(raw[:num_decoded], len(raw))
        self._check_rate(raw)
        frames = raw.frames[:: self.frame_step][: self.num_frames]
        if len(frames) < self.num_frames:
            raise ExampleRefused(
                "too_few_frames",
                f"It has {len(raw.frames):,} frames; clips of {self.num_frames} need {num_decoded:,}.",
            )
        target = self.frame_format
        if frames.shape[1:] == target.shape:
            return np.ascontiguousarray(frames)
        return np.stack([target.prepare(frame) for frame in frames])

    def _join(self, files, count):
        """The clip of files of frames; `count` is how many there are in all."""
        images = [decode_image(data) for data in files]
        sizes = sorted({image.size for image in images})
        if len(sizes) > 1:
            shown = " and ".join(f"{width} x {height}" for width, height in sizes[:2])
            raise ExampleRefused("uneven_frames", f"Its frames have several sizes, such as {shown} pixels.")
        modes = {image.mode for image in images}
        mode = modes.pop() if len(modes) == 1 else "RGBA"
        mode = mode if mode in ("L", "RGB") else "RGBA"
        frames = np.stack([np.asarray(image.convert(mode), np.uint8) for image in images])
        return Clip(frames[..., None] if mode == "L" else frames)

    def _check_rate(self, clip):
        found, expected = clip.frames_per_second, self.frames_per_second * self.frame_step
        if found is None or abs(found / expected - 1) <= _RATE_TOLERANCE:
            return
        if found == 100 / hundredths(expected):  # As near as a GIF comes to the rate.
            return
        raise ExampleRefused(
            "other_frame_rate",
            f"It has {found:.4g} frames per second; {expected:g} are expected (frames_per_second times frame_step). Choose "
            "these two so that they go with the file, or convert it.",
        )

    def settings(self):
        return dataclasses.asdict(self)

    def processing(self):
        return {**self.frame_format.processing(), "frames": f"the first {self.num_frames}, one of {self.frame_step}"}

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name not in ("spec", "frame_format")}
