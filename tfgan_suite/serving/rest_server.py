"""The HTTP server of the REST API."""

from tfgan_suite.serving.http_server import HttpHandler, HttpServer
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_api import allowed_methods, answer_request


class RestServer(HttpServer):
    """Answers REST requests from `start()` to `stop()`. See `HttpServer` for the other arguments.

    Args:
        repository: A `ModelRepository`. The models to serve.
        cors: Boolean. Whether pages of any site may read the answers in a browser.
    """

    def __init__(
        self,
        repository: ModelRepository,
        host: str,
        port: int,
        max_body_bytes: int = 16 << 20,
        timeout_seconds: float = 60.0,
        max_connections: int = 128,
        *,
        cors: bool = False,
        **shared,
    ):
        super().__init__(
            _Handler,
            host,
            port,
            max_body_bytes,
            timeout_seconds,
            max_connections,
            repository=repository,
            extra_headers={"Access-Control-Allow-Origin": "*"} if cors else {},
            **shared,
        )


class _Handler(HttpHandler):
    too_large_advice = "Send several smaller requests, or use gRPC."
    repository: ModelRepository

    async def answer(self, body):
        if methods := allowed_methods(self.path):
            if self.command not in methods.split(", ") or self.command == "OPTIONS":
                self.response_headers["Allow"] = methods
            if self.command == "OPTIONS" and self.extra_headers:  # A browser asks before it sends JSON to another site.
                self.response_headers["Access-Control-Allow-Methods"] = methods
                self.response_headers["Access-Control-Allow-Headers"] = "*"
                self.response_headers["Access-Control-Max-Age"] = "86400"
        accept = self.headers.get("Accept", "")
        return await answer_request(self.repository, self.command, self.path, body, self.futures.result, accept)
