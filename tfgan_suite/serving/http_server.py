"""A small HTTP server built on the standard library's: size limits, encodings, JSON errors, and a clean shutdown.

A handler provides the answers.
"""

import contextlib
import http.server
import io
import logging
import re
import socket
import threading
import time

from tfgan_suite.serving.json_responses import error_body
from tfgan_suite.serving.patient_stream import PatientStream
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

logger = logging.getLogger(__name__)

_LENGTH = re.compile("[0-9]{1,18}")
_DISCARD_SECONDS = 2.0
_WRITE_BUFFER_BYTES = 1 << 16
_JSON = "application/json"
_BUSY_BODY = error_body("Too many connections. Try again later.")
_BUSY = (
    f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {_JSON}\r\nContent-Length: {len(_BUSY_BODY)}\r\n"
    "Connection: close\r\n\r\n"
).encode() + _BUSY_BODY


class HttpServer:
    """Answers HTTP requests in threads of its own, from `start()` to `stop()`.

    Args:
        handler: A subclass of `HttpHandler`.
        host: String. Address to listen on.
        port: Integer. TCP port to listen on. 0 picks any free port.
        max_body_bytes: Integer. Maximum size of a request body. Larger bodies are refused with HTTP 413.
        timeout_seconds: Float. A connection is closed if it stays idle for this long, if a request is still incomplete
            this long after its first byte, or if the client takes longer than this to receive an answer.
        max_connections: Integer. Maximum number of open connections, each of which occupies a thread. Any more are
            refused with HTTP 503.
        **attributes: Attributes to set on the handler's class.

    Attributes:
        port: Integer. The port that the server listens on.
    """

    def __init__(
        self,
        handler: type["HttpHandler"],
        host: str,
        port: int,
        max_body_bytes: int,
        timeout_seconds: float,
        max_connections: int = 128,
        **attributes,
    ):
        attributes = {**attributes, "max_body_bytes": max_body_bytes, "timeout": timeout_seconds}
        self._server = _Server((host, port), type("Handler", (handler,), attributes), max_connections)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops the server: accepts no more requests and gives running ones time to finish.

        Args:
            grace_seconds: Float. How long running requests may take to finish.
        """
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections(grace_seconds)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # A client that keeps its connection open must not keep the server from stopping.
    request_queue_size = 128

    def __init__(self, address, handler, max_connections):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._max_connections = max_connections
        self._connections = set()
        self._requests = 0
        self._changed = threading.Condition()
        super().__init__(address, handler)

    def process_request(self, request, client_address):
        with self._changed:
            full = len(self._connections) >= self._max_connections
            if not full:
                self._connections.add(request)
        if full:
            with contextlib.suppress(OSError):  # Never wait for a client that does not read the reply.
                request.setblocking(False)
                request.send(_BUSY)
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self._changed:
            self._connections.discard(request)
        super().shutdown_request(request)

    @contextlib.contextmanager
    def answering(self):
        """Counts a request as running for the duration of the context."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def close_connections(self, grace_seconds):
        with self._changed:
            self._changed.wait_for(lambda: self._requests == 0, grace_seconds)
            for connection in self._connections:
                with contextlib.suppress(OSError):  # The client closed it first.
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        logger.debug("The connection to %s was lost", client_address, exc_info=True)


class HttpHandler(http.server.BaseHTTPRequestHandler):
    """One connection. Subclasses override `answer`; any `ServingError` it raises is sent to the client as JSON."""

    protocol_version = "HTTP/1.1"  # Keeps connections open between requests.
    server_version = "tfgan-suite"
    sys_version = ""
    disable_nagle_algorithm = True
    max_body_bytes: int
    too_large_advice = ""
    extra_headers: dict[str, str] = {}

    def setup(self):
        super().setup()
        self._stream = PatientStream(self.connection, self.timeout)
        self.rfile = io.BufferedReader(self._stream)
        self.wfile = io.BufferedWriter(self._stream, _WRITE_BUFFER_BYTES)  # Sends an answer in one piece.

    def handle_one_request(self):
        self._stream.expect_new()
        super().handle_one_request()

    def answer(self, body: bytes) -> tuple[str, bytes]:
        """Answers the request given by `self.command`, `self.path`, `self.headers`, and the body.

        Args:
            body: Bytes. The request's body.

        Returns:
            Tuple `(content_type, body)` of the answer.

        Raises:
            ServingError: If the request is refused or fails.
        """
        raise NotImplementedError

    def do_GET(self):
        self._answer()

    # Methods that a handler does not support are refused with a JSON body too.
    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_GET

    def _answer(self):
        with self.server.answering():
            self._answer_one()
        if self.close_connection:
            self._discard_rest()

    def _answer_one(self):
        try:
            status, (content_type, answer) = 200, self.answer(self._read_body())
        except ServingError as error:
            status, content_type, answer = error.http_status, _JSON, error_body(error.message)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception:  # The client learns only that the request failed; the reason goes to the log.
            logger.exception("%s %s failed", self.command, self.path)
            status, content_type = 500, _JSON
            answer = error_body("The request failed inside the server. See the server's log.")
        self._send(status, content_type, answer)

    def _send(self, status, content_type, answer):
        self._stream.begin()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in self.extra_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.wfile.flush()

    def send_error(self, code, message=None, explain=None):
        """Called by the base class for lines that are not HTTP."""
        self.close_connection = True
        if not hasattr(self, "command") or self.command is None:
            self.command = "GET"
        self._send(code, _JSON, error_body(message or self.responses.get(code, ("Error",))[0]))

    def _discard_rest(self):
        """Keeps reading briefly: closing with unread bytes would reset the connection and lose the answer."""
        deadline = time.monotonic() + _DISCARD_SECONDS
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_DISCARD_SECONDS)
            while time.monotonic() < deadline and self.connection.recv(1 << 16):
                pass

    def handle_expect_100(self):
        length = self.headers.get("Content-Length", "0").strip()
        if _LENGTH.fullmatch(length) and int(length) > self.max_body_bytes:
            return True  # `_read_body` refuses it before the client sends the body.
        allowed = super().handle_expect_100()
        self.wfile.flush()  # The client is waiting for this reply.
        return allowed

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self._content_length()
        if length > self.max_body_bytes:
            raise self._too_large()
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("The client closed the connection in the middle of a request")
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ServingError("INVALID_ARGUMENT", "Content-Encoding is not supported", http_status=415)
        return body

    def _content_length(self) -> int:
        text = self.headers.get("Content-Length", "0").strip()
        if not _LENGTH.fullmatch(text):
            self.close_connection = True
            raise invalid_argument("Malformed request: Content-Length is not a number")
        return int(text)

    def _read_chunks(self) -> bytes:
        pieces, total = [], 0
        while True:
            size_text = self.rfile.readline(64).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size_text):
                self.close_connection = True
                raise invalid_argument("Malformed request: a chunk without its size")
            size = int(size_text, 16)
            total += size
            if total > self.max_body_bytes:
                raise self._too_large()
            if size == 0:
                while self.rfile.readline(4096).strip():  # Trailers, up to the empty line.
                    pass
                return b"".join(pieces)
            pieces.append(self.rfile.read(size))
            self.rfile.readline(8)

    def _too_large(self) -> ServingError:
        self.close_connection = True  # The rest of the body is not read.
        return ServingError(
            "INVALID_ARGUMENT",
            f"The request is larger than {self.max_body_bytes} bytes. {self.too_large_advice}".rstrip(),
            http_status=413,
        )

    def log_message(self, format, *arguments):
        logger.debug("%s " + format, self.client_address[0], *arguments)
