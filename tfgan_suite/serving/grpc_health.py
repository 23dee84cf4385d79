"""gRPC's standard health service over a `ModelRepository`, for probes such as Kubernetes'.

Reference: gRPC, "GRPC Health Checking Protocol".
"""

import asyncio

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from tfgan_suite.serving.serving_error import not_found

SERVICE = "grpc.health.v1.Health"

# The messages of grpc.health.v1 have one field each, numbered 1, and so the same bytes as these. They are not declared
# anew, because a program that also imports `grpc_health` would then have two declarations of one name.
HealthCheckRequest = StringValue
_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = (Int32Value(value=status).SerializeToString() for status in (1, 2, 3))

# The server as a whole, and its services as TensorFlow Serving and reflection name them.
_SERVICES = {
    "",
    "PredictionService",
    "ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
    SERVICE,
}
_POLL_SECONDS = 0.5


class GrpcHealth:
    """Says whether the server has a model to serve.

    Args:
        repository: A `ModelRepository`.
    """

    def __init__(self, repository):
        self._repository = repository
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tells those who watch that the server stops, and ends their calls."""
        self._stopping.set()

    def check(self, service: str) -> bytes:
        """Returns the status of a service, as a `HealthCheckResponse`.

        Args:
            service: String. Name of the service. Empty for the server as a whole.

        Raises:
            ServingError: `NOT_FOUND` if there is no such service.
        """
        if service not in _SERVICES:
            raise not_found(f"Unknown service: {service}")
        return self._status(service)

    async def watch(self, service: str):
        """Yields the status of a service, and then each change of it, until the server stops."""
        told = None
        while True:
            # Before the status: the server may begin to stop while this one is being sent.
            is_last, status = self._stopping.is_set(), self._status(service)
            if status != told:
                yield status
                told = status
            if is_last:
                return
            if self._stopping.is_set():
                continue
            waiting = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([waiting], timeout=_POLL_SECONDS)
            waiting.cancel()

    def _status(self, service):
        if service not in _SERVICES:
            return _SERVICE_UNKNOWN
        return _SERVING if self._repository.is_ready and not self._stopping.is_set() else _NOT_SERVING
