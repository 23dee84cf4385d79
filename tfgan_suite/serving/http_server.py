"""An HTTP server on aiohttp, whose shutdown loses no request.

A handler provides the answers.
"""

import socket

from tfgan_suite.serving.body_budget import BodyBudget
from tfgan_suite.serving.event_loop_thread import EventLoopThread


class HttpServer:
    """Answers HTTP requests on an event loop, from `start()` to `stop()`.

    Args:
        handler: A subclass of `HttpHandler`.
        host: String. Address to listen on.
        port: Integer. TCP port to listen on. 0 picks any free port.
        max_body_bytes: Integer. Maximum size of a request body, before and after it is unpacked. Larger bodies are
            refused with HTTP 413.
        timeout_seconds: Float. A connection is closed if no request arrives for this long, if a body is still
            incomplete this long after the request's head, or if the client takes longer than this to receive an answer.
        max_connections: Integer. Maximum number of open connections. Any more are refused with HTTP 503.
        budget: A `BodyBudget` that all servers on the event loop share, or `None` for one of its own. Bodies that
            exceed it are refused with HTTP 503.
        event_loop: An `EventLoopThread`, or `None` for one of its own.
        **attributes: Attributes to set on the handler's class.

    Attributes:
        address: String. The address that the server listens on.
        port: Integer. The port that the server listens on.

    Raises:
        MissingExtraError: If the extra `serving` is not installed.
        OSError: If the port is in use, or the address does not belong to this machine.
    """

    def __init__(
        self,
        handler: type["HttpHandler"],
        host: str,
        port: int,
        max_body_bytes: int,
        timeout_seconds: float,
        max_connections: int = 128,
        *,
        budget: BodyBudget | None = None,
        event_loop: EventLoopThread | None = None,
        **attributes,
    ):
        from tfgan_suite.serving.http_connections import Connections
        from tfgan_suite.serving.http_exchange import HttpExchange

        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self.address, self.port = self._listener.getsockname()[:2]
        self._own_event_loop = EventLoopThread() if event_loop is None else None
        self._event_loop = event_loop or self._own_event_loop
        handler = type("Handler", (handler,), {**attributes, "port": self.port, "futures": self._event_loop.futures})
        exchange = HttpExchange(handler, max_body_bytes, timeout_seconds, budget or BodyBudget())

        async def create():
            return Connections(exchange.answer, timeout_seconds, max_connections)

        self._connections = self._event_loop.run(create())
        self._is_started = False

    def start(self) -> None:
        self._event_loop.run(self._connections.listen(self._listener))
        self._event_loop.before_end(self._connections.close)
        self._is_started = True

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops the server: accepts no more connections, and answers the requests that have been sent.

        Args:
            grace_seconds: Float. How long the running requests, and those on their way, may take.
        """
        if self._event_loop.is_running:
            self._event_loop.run(self.drain(grace_seconds))
            if self._own_event_loop:
                self._own_event_loop.stop()

    async def drain(self, grace_seconds: float) -> None:
        """Like `stop`, on the event loop, which goes on."""
        if self._is_started:
            await self._connections.drain(grace_seconds)
        self._listener.close()


class HttpHandler:
    """One request. Subclasses override `answer`; any `ServingError` it raises is sent to the client as JSON.

    Attributes:
        command: String. The method, such as `"POST"`.
        path: String. Path and query of the URL, as they were sent.
        headers: The request's headers, a mapping that ignores case.
        response_headers: Dict. Headers of the response, for `answer` to add to.
        port: Integer. The port that the server listens on.
        futures: The event loop's `EventLoopFutures`.
    """

    too_large_advice = ""
    extra_headers: dict[str, str] = {}
    port: int

    def __init__(self, command: str, path: str, headers):
        self.command = command
        self.path = path
        self.headers = headers
        self.response_headers = dict(self.extra_headers)

    def answer(self, body: bytes) -> tuple[str, bytes]:
        """Answers the request. A coroutine function runs on the event loop, a plain function in a thread.

        Args:
            body: Bytes. The request's body.

        Returns:
            Tuple `(content_type, body)` of the answer.

        Raises:
            ServingError: If the request is refused or fails.
        """
        raise NotImplementedError
