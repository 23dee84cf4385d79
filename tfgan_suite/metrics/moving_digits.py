"""How well clips of moving digits keep to what is known of them: the digit stays, its speed is constant, walls reflect it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tfgan_suite.data.sources.moving_digits_source import DIGIT_SIZE, MAX_SPEED, reflect
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.small_digits_classifier import SmallDigitsClassifier
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric

# Of 255: what is darker belongs to the background.
_THRESHOLD = 48
# Candidates of the fit: speeds a little beyond those of the data, and places along a line without walls.
_SPEEDS = np.arange(-4 * (MAX_SPEED + 1), 4 * (MAX_SPEED + 1) + 1) / 4
_PLACES_PER_PIXEL = 2
# A digit that covers less than this in a whole clip is said to stand still, in pixels per frame.
_STILL = 0.5


class Track(NamedTuple):
    """The motion that fits a clip best.

    Args:
        residual: Float. Root of the mean squared distance of the digit's center to it, in pixels.
        speed: Float. Pixels per frame.
        num_bounces: Integer. How many times a wall reflected the digit, along either axis.
    """

    residual: float
    speed: float
    num_bounces: int


def digit_centers(clip: np.ndarray) -> np.ndarray:
    """Center of what is bright in each frame, float64 `[num_frames, 2]`: row and column; of an empty frame its middle.

    Args:
        clip: uint8 `[num_frames, height, width, 1]`.
    """
    weights = np.where(clip[..., 0] >= _THRESHOLD, clip[..., 0], 0).astype(np.int64)
    total = weights.sum((1, 2))
    sums = [(weights.sum(2 - axis) * np.arange(weights.shape[1 + axis])).sum(1) for axis in (0, 1)]
    middles = [(size - 1) / 2 for size in weights.shape[1:]]
    return np.stack([np.where(total, one / np.maximum(total, 1), middle) for one, middle in zip(sums, middles)], 1)


def fit_track(centers: np.ndarray, image_size: tuple[int, int]) -> Track:
    """Fits motion of constant speed between walls to the places of a digit.

    Along each axis the digit's square of 14 pixels is at `reflect(place + speed * time)`; the center lies anywhere in that
    square, always at the same point of it. All speeds and places of a fine grid are tried.

    Args:
        centers: Float array `[num_frames, 2]`.
        image_size: Tuple `(height, width)`.

    Example: at two pixels per frame into a wall.

    >>> rows = np.array([14.0, 16, 18, 20, 22, 24, 22, 20])
    >>> fit_track(np.stack([rows, np.full(8, 9.0)], 1), (32, 32))
    Track(residual=0.0, speed=2.0, num_bounces=1)
    """
    squared, speeds, num_bounces = 0.0, [], 0
    for axis, size in enumerate(image_size):
        last = size - DIGIT_SIZE
        places = np.arange(last * _PLACES_PER_PIXEL + 1) / _PLACES_PER_PIXEL
        unfolded = places[:, None, None] + _SPEEDS[:, None] * np.arange(len(centers))  # [places, speeds, frames]
        difference = centers[:, axis] - reflect(unfolded, last)
        # Where the center lies in the square, which is within the frame.
        inside = np.clip(difference.mean(-1, keepdims=True), 0, DIGIT_SIZE - 1)
        errors = np.square(difference - inside).mean(-1)
        # Of equally good ones the slowest, which needs the fewest walls.
        slowest = np.where(errors <= errors.min() + 1e-9, np.abs(_SPEEDS), np.inf)
        place, speed = np.unravel_index(slowest.argmin(), errors.shape)
        squared += errors[place, speed]
        speeds.append(_SPEEDS[speed])
        rooms = np.floor_divide(unfolded[place, speed], last)
        num_bounces += int(np.count_nonzero(np.diff(rooms)))
    return Track(float(np.sqrt(max(squared, 0.0))), float(np.hypot(*speeds)), num_bounces)


def digits_of(clip: np.ndarray) -> np.ndarray:
    """The digit of each frame in its middle, uint8 `[num_frames, 14, 14, 1]`."""
    padded = np.pad(clip, [(0, 0), (DIGIT_SIZE, DIGIT_SIZE), (DIGIT_SIZE, DIGIT_SIZE), (0, 0)])
    corners = np.floor(digit_centers(clip) - (DIGIT_SIZE - 1) / 2 + 0.5 + 1e-6).astype(int) + DIGIT_SIZE
    return np.stack(
        [frame[row : row + DIGIT_SIZE, left : left + DIGIT_SIZE] for frame, (row, left) in zip(padded, corners)]
    )


class MovingDigits(Metric):
    """Scores of clips of `moving_digits`, each of which has a value that real clips reach.

    * `identity_kept`: share of clips in whose frames a classifier reads the same digit throughout; 1 for real clips.
    * `speed_residual_pixels`: mean distance of the digit's center to the motion of constant speed between walls that fits it best
      (`fit_track`); about 0 for real clips.
    * `moving_share`: share of clips that move at half a pixel per frame or faster; 1 for real clips. A still clip has no
      residual.
    * `bounce_difference`: how far the mean number of bounces of a clip is from that of real clips.

    Args:
        classifier_seed: Integer. Seed of `SmallDigitsClassifier`.
        classify: Function of uint8 images `[count, 14, 14, 1]` to features and logits, in place of that classifier.

    Example:

    >>> metric = MovingDigits(classify=lambda images: (None, np.ones([len(images), 1])))
    >>> metric.directions["identity_kept"]
    'higher'
    """

    name = "moving_digits"
    directions = {
        "identity_kept": "higher",
        "speed_residual_pixels": "lower",
        "moving_share": "higher",
        "bounce_difference": "lower",
    }
    inputs = frozenset({"examples"})
    kinds = ("video",)

    def __init__(self, classifier_seed: int = 0, classify: Callable | None = None):
        self.classifier_seed = classifier_seed
        self._classify = classify
        self._real_bounces: list[np.ndarray] = []
        self._tracks: list[Track] = []
        self._kept: list[np.ndarray] = []

    @property
    def settings(self) -> dict[str, int]:
        return {"classifier_seed": self.classifier_seed}

    def fresh(self) -> "MovingDigits":
        return type(self)(self.classifier_seed, self._classify)

    def update_real(self, activations: Activations) -> None:
        self._real_bounces.append(np.array([track.num_bounces for track in _tracks(activations.examples)]))

    def update_fake(self, activations: Activations) -> None:
        clips = activations.examples
        self._tracks += _tracks(clips)
        if self._classify is None:
            self._classify = SmallDigitsClassifier(seed=self.classifier_seed, progress=self.show_progress)
        digits = np.concatenate([digits_of(clip) for clip in clips])
        read = np.asarray(self._classify(digits)[1]).argmax(1).reshape(len(clips), -1)
        self._kept.append((read == read[:, :1]).all(1))

    def results(self) -> dict[str, tuple[float, None]]:
        bounces = np.mean([track.num_bounces for track in self._tracks])
        values = {
            "identity_kept": np.concatenate(self._kept).mean(),
            "speed_residual_pixels": np.mean([track.residual for track in self._tracks]),
            "moving_share": np.mean([track.speed >= _STILL for track in self._tracks]),
            "bounce_difference": abs(bounces - np.concatenate(self._real_bounces).mean()),
        }
        return {name: (float(value), None) for name, value in values.items()}

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {"bounces": np.concatenate(self._real_bounces)}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._real_bounces = [arrays["bounces"]]


def _tracks(clips: np.ndarray) -> list[Track]:
    _, _, height, width, channels = clips.shape
    if channels != 1 or min(height, width) <= DIGIT_SIZE:
        raise UserError(
            f"`examples` must be gray clips of moving digits, larger than {DIGIT_SIZE} pixels. Received: shape={clips.shape}"
        )
    return [fit_track(digit_centers(clip), (height, width)) for clip in clips]
