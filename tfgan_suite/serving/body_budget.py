"""A limit on the bodies of all requests that are in work at the same time."""

import contextlib

from tfgan_suite.serving.large_bodies import LARGE_BYTES
from tfgan_suite.serving.serving_error import ServingError


class BodyBudget:
    """Counts the bytes of requests' bodies, over REST and gRPC, from their arrival to their answer.

    Belongs to one event loop.

    Args:
        max_bytes: Integer. Maximum sum. A request that would exceed it is refused; those in work are not affected.
        free_bytes: Integer. Bytes of each body that are not counted, so that large bodies do not keep small ones out.
            The limits on connections bound their sum.

    Attributes:
        num_bytes: Integer. The current sum.
    """

    def __init__(self, max_bytes: int = 256 << 20, free_bytes: int = LARGE_BYTES):
        self.max_bytes = max_bytes
        self.free_bytes = free_bytes
        self.num_bytes = 0

    @contextlib.contextmanager
    def share(self):
        """Yields the `Share` of a request, which is given back when its context ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self.num_bytes -= share.num_bytes


class Share:
    """What a request has taken from a `BodyBudget`."""

    def __init__(self, budget):
        self._budget = budget
        self._num_free_bytes = budget.free_bytes
        self.num_bytes = 0

    def take(self, num_bytes: int) -> None:
        """Takes bytes, in addition to those already taken.

        Args:
            num_bytes: Integer >= 0.

        Raises:
            ServingError: `RESOURCE_EXHAUSTED`, HTTP 503, if it is more than is left.
        """
        num_counted = max(0, num_bytes - self._num_free_bytes)
        self._num_free_bytes = max(0, self._num_free_bytes - num_bytes)
        if num_counted and self._budget.num_bytes + num_counted > self._budget.max_bytes:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"The requests in work take almost {self._budget.max_bytes} bytes. Try again later.",
                http_status=503,
            )
        self._budget.num_bytes += num_counted
        self.num_bytes += num_counted
