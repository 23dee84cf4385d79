"""A limit on the bodies of all requests that are in work at the same time."""

import contextlib

from tfgan_suite.serving.serving_error import ServingError


class BodyBudget:
    """Counts the bytes of requests' bodies, over REST and gRPC, from their arrival to their answer.

    Belongs to one event loop.

    Args:
        max_bytes: Integer. Maximum sum. A request that would exceed it is refused; those in work are not affected.

    Attributes:
        num_bytes: Integer. The current sum.
    """

    def __init__(self, max_bytes: int = 256 << 20):
        self.max_bytes = max_bytes
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
        self.num_bytes = 0

    def take(self, num_bytes: int) -> None:
        """Takes bytes, in addition to those already taken.

        Args:
            num_bytes: Integer >= 0.

        Raises:
            ServingError: `RESOURCE_EXHAUSTED`, HTTP 503, if it is more than is left.
        """
        if self._budget.num_bytes + num_bytes > self._budget.max_bytes:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"The requests in work take {self._budget.max_bytes} bytes already. Try again later.",
                http_status=503,
            )
        self._budget.num_bytes += num_bytes
        self.num_bytes += num_bytes
