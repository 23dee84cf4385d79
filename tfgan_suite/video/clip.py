"""Clip: frames with their rate, as a file holds them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Clip:
    """Video as it was recorded, at a constant rate.

    Args:
        frames: uint8 array `[num_frames, height, width, channels]` with 1, 3 or 4 channels.
        frames_per_second: Float, or `None` if it is not known, as of a folder of frames.
    """

    frames: np.ndarray
    frames_per_second: float | None = None
