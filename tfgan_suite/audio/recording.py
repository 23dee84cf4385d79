"""Recording: samples with their rate, as a file holds them; UnusableSound: why one cannot be used."""

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


class UnusableSound(ValueError):
    """A recording that is to be set aside.

    Args:
        reason: String. For machines, such as `"silent"`.
        message: String. For people, a sentence.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self):
        return self.message
