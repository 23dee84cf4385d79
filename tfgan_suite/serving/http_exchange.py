"""One exchange over HTTP: reads a request's body within its limits, asks the handler, and writes the response."""

import asyncio
import contextlib
import inspect
import logging
import math
import re
import time
import urllib.parse
import zlib

from tfgan_suite.serving.body_budget import BodyBudget
from tfgan_suite.serving.http_connections import JSON, SERVER_NAME, web
from tfgan_suite.serving.json_responses import error_body
from tfgan_suite.serving.large_bodies import LARGE_BYTES, in_turn
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

logger = logging.getLogger(__name__)

_MIN_GZIP_BYTES = 1024  # Smaller answers do not get shorter by enough.
_QUIET_SECONDS = 2.0  # The rest of a refused body is read until none comes for this long.
_RETRY_SECONDS = "1"


class HttpExchange:
    """Turns aiohttp's requests into a handler's, and the handler's answers into aiohttp's responses.

    Args:
        handler: A subclass of `HttpHandler`.
        max_body_bytes: Integer. Maximum size of a request body, before and after it is unpacked.
        timeout_seconds: Float. How long a body may take to arrive, and a response to be received.
        budget: A `BodyBudget`.
    """

    def __init__(self, handler, max_body_bytes: int, timeout_seconds: float, budget: BodyBudget):
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._timeout_seconds = timeout_seconds
        self._budget = budget
        self._is_asynchronous = inspect.iscoroutinefunction(handler.answer)

    async def answer(self, request):
        """Answers an `aiohttp.web.BaseRequest` of a `Connection` with an `aiohttp.web.Response`."""
        connection = request.protocol
        handler = self._handler(request.method, _path_of(request.raw_path), request.headers)
        connection.begin(request)
        try:
            with self._budget.share() as share:
                status, content_type, answer = await self._ask(request, handler, share)
            response = _response(request, status, content_type, answer, handler.response_headers)
            if connection.closes_after(request):
                response.force_close()
            connection.expires_at = time.monotonic() + self._timeout_seconds
            with contextlib.suppress(ConnectionError):  # The client has left.
                await response.prepare(request)
                await response.write_eof()
            if not request.content.is_eof():
                await self._discard(request)
        finally:
            connection.expires_at = math.inf
            connection.end()
        return response

    async def _discard(self, request):
        """Reads the rest of a refused request: closing under a client that is sending could lose the response."""
        request.protocol.expires_at = time.monotonic() + self._timeout_seconds
        with contextlib.suppress(asyncio.TimeoutError, web.RequestPayloadError, ConnectionError):
            while await asyncio.wait_for(request.content.readany(), _QUIET_SECONDS):
                pass

    async def _ask(self, request, handler, share):
        try:
            body = await self._read_body(request, share)
            if self._is_asynchronous:
                return 200, *await handler.answer(body)
            return 200, *await asyncio.to_thread(handler.answer, body)
        except ServingError as error:
            return error.http_status, JSON, error_body(error.message)
        except Exception:  # The client learns only that the request failed; the reason goes to the log.
            logger.exception("%s %r failed", request.method, handler.path)
            return 500, JSON, error_body("The request failed inside the server. See the server's log.")

    async def _read_body(self, request, share) -> bytes:
        if (request.content_length or 0) > self._max_body_bytes:
            raise self._too_large()
        if request.headers.get("Expect", "").lower() == "100-continue":
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        request.protocol.expires_at = time.monotonic() + self._timeout_seconds
        while piece := await _read_piece(request):
            share.take(len(piece))
            body += piece
            if len(body) > self._max_body_bytes:
                raise self._too_large()
        request.protocol.expires_at = math.inf
        if request.protocol.is_cut_off:
            raise invalid_argument("Malformed request: the body ends early")
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in ("gzip", "x-gzip"):
            body = await in_turn(self._unpack, body)
            share.take(len(body))
        elif encoding != "identity":
            raise ServingError("INVALID_ARGUMENT", "Content-Encoding must be gzip or identity", http_status=415)
        return bytes(body)

    def _unpack(self, data) -> bytearray:
        """Unpacks gzip, which may have several members, no further than the limit."""
        unpacked = bytearray()
        while data:
            member = zlib.decompressobj(wbits=31)
            try:
                unpacked += member.decompress(data, self._max_body_bytes + 1 - len(unpacked))
            except zlib.error as error:
                raise invalid_argument(f"Malformed request: the body is not gzip ({error})") from error
            if len(unpacked) > self._max_body_bytes:
                raise self._too_large()
            if not member.eof:
                raise invalid_argument("Malformed request: the gzip body ends early")
            data = member.unused_data
        return unpacked

    def _too_large(self) -> ServingError:
        return ServingError(
            "INVALID_ARGUMENT",
            f"The request is larger than {self._max_body_bytes} bytes. {self._handler.too_large_advice}".rstrip(),
            http_status=413,
        )


async def _read_piece(request) -> bytes:
    try:
        return await request.content.readany()
    except (web.RequestPayloadError, ConnectionError) as error:
        raise invalid_argument("Malformed request: the body ends early, or is not in chunks as announced") from error


def _path_of(target: str) -> str:
    """Returns path and query of a request's target, which proxies send with the server's name in front."""
    if target.startswith("/") or target == "*":
        return target
    parts = urllib.parse.urlsplit(target)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _response(request, status, content_type, answer, headers):
    if status in (429, 503):
        headers.setdefault("Retry-After", _RETRY_SECONDS)
    response = web.Response(
        status=status,
        body=answer,
        headers={"Content-Type": content_type, "Server": SERVER_NAME, **headers},
        zlib_executor_size=LARGE_BYTES,
    )
    if len(answer) >= _MIN_GZIP_BYTES and not content_type.startswith(("image/", "audio/", "video/")):
        response.headers["Vary"] = "Accept-Encoding"
        if _accepts_gzip(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
    return response


def _accepts_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, quality = coding.partition(";")
        if name.strip() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality)
    return False
