"""The HTTP server of the REST API."""

from tfgan_suite.serving.http_server import HttpHandler, HttpServer
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_api import answer_request


class RestServer(HttpServer):
    """Answers REST requests from `start()` to `stop()`. See `HttpServer` for the other arguments.

    Args:
        repository: A `ModelRepository`. The models to serve.
    """

    def __init__(
        self,
        repository: ModelRepository,
        host: str,
        port: int,
        max_body_bytes: int = 16 << 20,
        timeout_seconds: float = 60.0,
        max_connections: int = 128,
    ):
        super().__init__(_Handler, host, port, max_body_bytes, timeout_seconds, max_connections, repository=repository)


class _Handler(HttpHandler):
    too_large_advice = "Send several smaller requests, or use gRPC."
    repository: ModelRepository

    def answer(self, body):
        return "application/json", answer_request(self.repository, self.command, self.path, body)
