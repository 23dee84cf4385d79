"""aiohttp's server, which parses and writes HTTP, with what it lacks for a server that is stopped and misused.

aiohttp alone cuts idle connections as soon as it stops, although their next request may be on its way, and treats a client
that closes its sending side after the request as gone. Requires the extra `serving`.
"""

import asyncio
import contextlib
import logging
import math
import time

from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.serving.json_responses import error_body

web = import_extra("aiohttp.web", "serving", "Serving over HTTP")

logger = logging.getLogger(__name__)

JSON = "application/json"
SERVER_NAME = "tfgan-suite"
_DISCARD_SECONDS = 2.0  # How long a refused connection is read: closing earlier could lose the answer.
_QUIET_SECONDS = 1.0  # How long a server that stops waits for requests that are on their way.
_BACKLOG = 128  # Connections that the system accepts ahead of the server.
_STEPS_TO_CONNECT = 5  # Steps of an event loop, at most, from accepting a connection to saying that it is made.
_BUSY_BODY = error_body("Too many connections. Try again later.")
_BUSY = (
    f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {JSON}\r\nContent-Length: {len(_BUSY_BODY)}\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n"
).encode() + _BUSY_BODY


class Connections(web.Server):
    """All connections of an HTTP server.

    Args:
        answer: Coroutine function that takes an `aiohttp.web.BaseRequest` and returns its `aiohttp.web.Response`.
        timeout_seconds: Float. A connection is closed if no request has arrived for this long.
        max_connections: Integer. Maximum number of open connections. Any more are refused with HTTP 503.

    Attributes:
        is_draining: Boolean. Whether the server is stopping. Answers then close their connections.
    """

    def __init__(self, answer, timeout_seconds: float, max_connections: int):
        super().__init__(answer)
        self.is_draining = False
        self._refused = set()
        self._max_connections = max_connections
        self._timeout_seconds = timeout_seconds
        # Bodies stay as they are, because aiohttp would unpack them without a limit on the sum of all requests.
        self._arguments = {
            "loop": asyncio.get_running_loop(),
            "keepalive_timeout": timeout_seconds,
            "lingering_time": 0.0,  # `HttpExchange` reads what is left of a request.
            "auto_decompress": False,
            "access_log": None,
            "logger": logger,
        }

    def __call__(self):
        if len(self.connections) >= self._max_connections:
            return _Refusal(self._refused)
        return Connection(self, **self._arguments)

    async def listen(self, listener) -> None:
        """Accepts connections on a bound socket."""
        self._listener = listener
        self._accepting = await asyncio.get_running_loop().create_server(self, sock=listener, backlog=_BACKLOG)
        self._cutting = asyncio.create_task(self._cut_expired())

    async def drain(self, grace_seconds: float) -> None:
        """Accepts no more connections, answers what has been sent on those that are open, and closes them.

        Args:
            grace_seconds: Float. How long all of this may take.
        """
        self.is_draining = True
        await self._stop_listening()
        begin = now = time.monotonic()
        while self.connections and now < begin + grace_seconds:
            for connection in self.connections:
                if connection.is_idle and now - max(connection.quiet_since, begin) >= _QUIET_SECONDS:
                    connection.force_close()
            await asyncio.sleep(0.01)
            now = time.monotonic()
        await self.close()

    async def close(self) -> None:
        """Closes all connections at once."""
        await self._stop_listening()
        self._cutting.cancel()
        for transport in list(self._refused):
            transport.abort()
        await self.shutdown(0.1)

    async def _cut_expired(self):
        """Cuts the connections of clients that are too slow: one task for all, because a timer for each costs more."""
        while True:
            await asyncio.sleep(self._timeout_seconds / 8)
            now = time.monotonic()
            for connection in self.connections:
                if now > connection.expires_at and connection.transport is not None:
                    connection.transport.abort()

    async def _stop_listening(self):
        if self._listener.fileno() < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        for _ in range(_STEPS_TO_CONNECT):  # `asyncio` drops connections that it has accepted but not made yet.
            await asyncio.sleep(0)
        waiting = []
        with contextlib.suppress(OSError):  # Nobody is waiting any longer.
            while True:  # As far as the clients know, they are connected, and closing would reset their connections.
                waiting.append(self._listener.accept()[0])
        self._accepting.close()
        for client in waiting:
            with contextlib.suppress(OSError):  # The client has left.
                await loop.connect_accepted_socket(self, client)


class Connection(web.RequestHandler):
    """A connection.

    Attributes:
        quiet_since: Float. When the last bytes arrived, as told by `time.monotonic()`.
        expires_at: Float. When the connection is cut unless the client makes progress, `math.inf` while the server works.
        is_cut_off: Boolean. Whether the client has stopped sending in the middle of a body.
    """

    def __init__(self, connections, **arguments):
        super().__init__(connections, **arguments)
        self.quiet_since = time.monotonic()
        self.expires_at = math.inf
        self.is_cut_off = False
        self._connections = connections
        self._request = None  # The one that is being answered.
        self._is_half_closed = False

    def connection_made(self, transport):
        transport.set_write_buffer_limits(0)  # An answer has been taken when the system holds all of it.
        super().connection_made(transport)

    def data_received(self, data):
        self.quiet_since = time.monotonic()
        super().data_received(data)

    # aiohttp has no public names for `_waiter`, which is pending while it waits for a request, and for `_messages`, the
    # requests behind the current one.

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered, or about to be."""
        return self._waiter is not None and not self._waiter.done()

    def begin(self, request) -> None:
        """Marks the time from a request's head to its response, which `end` ends."""
        self._request = request
        if self._is_half_closed:
            self._end_incomplete()

    def end(self) -> None:
        self._request = None

    def closes_after(self, request) -> bool:
        """Whether the response to a request is the last on this connection."""
        if not request.content.is_eof():  # It was refused before it was read, so that the next one cannot be found.
            return True
        return (self._is_half_closed or self._connections.is_draining) and not self._messages

    def eof_received(self):
        """Keeps the connection of a client that sends no more, but may wait for its answer."""
        self._is_half_closed = True
        self._end_incomplete()
        return not self.is_idle

    def _end_incomplete(self):
        if self._request is not None and not self._request.content.is_eof():
            self.is_cut_off = True
            self._request.content.feed_eof()

    def handle_error(self, request, status=500, exc=None, message=None):
        """Answers what is no HTTP."""
        if status >= 500:
            logger.error("An HTTP request failed", exc_info=exc)
        reason = (message or "").strip().partition("\n")[0].rstrip(":")
        response = web.Response(
            status=status,
            body=error_body(f"Malformed HTTP request: {reason}".rstrip(": ")),
            headers={"Content-Type": JSON, "Server": SERVER_NAME},
        )
        response.force_close()
        return response


class _Refusal(asyncio.Protocol):
    """A connection too many: refused at once, then read for a while, so that the answer is not lost."""

    def __init__(self, refused):
        self._refused = refused

    def connection_made(self, transport):
        self._transport = transport
        self._refused.add(transport)
        transport.write(_BUSY)
        transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(_DISCARD_SECONDS, transport.abort)

    def connection_lost(self, error):
        self._timer.cancel()
        self._refused.discard(self._transport)
