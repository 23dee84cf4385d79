"""Recording: samples with their rate, as a file holds them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Recording:
    """Sound as it was recorded.

    Args:
        samples: float32 array `[count, channels]`; full scale is 1.
        sample_rate_hz: Integer. Samples per second.
    """

    samples: np.ndarray
    sample_rate_hz: int
