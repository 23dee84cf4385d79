"""Serves the study's web page on this machine: three static files, the study's images, and the session as JSON."""

import json
import re
import signal
import threading
import urllib.parse
from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say
from tfgan_suite.judging.answers import AnswerStore
from tfgan_suite.judging.session import Session
from tfgan_suite.judging.study import ANSWERS_NAME, Study
from tfgan_suite.serving.http_server import HttpHandler, HttpServer
from tfgan_suite.serving.serving_error import ServingError, invalid_argument, not_found

_HOST = "127.0.0.1"
_PAGE = Path(__file__).with_name("page")
_PAGE_FILES = {
    "/": ("judge.html", "text/html; charset=utf-8"),
    "/judge.css": ("judge.css", "text/css; charset=utf-8"),
    "/judge.js": ("judge.js", "text/javascript; charset=utf-8"),
}
_PICTURE = re.compile("/pictures/([0-9a-f]{20})([.]png|[.]wav)")
_MAX_BODY_BYTES = 4096
_TIMEOUT_SECONDS = 60.0


class JudgeServer(HttpServer):
    """Serves a study to this machine only, from `start()` to `stop()`.

    Args:
        study: A `Study`.
        port: Integer. TCP port to listen on. 0 picks any free port.

    Attributes:
        url: String. URL of the page.

    Raises:
        MissingExtraError: If the extra `serving` is not installed.
        UserError: If the port is in use.
    """

    def __init__(self, study: Study, port: int = 0):
        self._store = AnswerStore(study.directory / ANSWERS_NAME)
        try:
            super().__init__(
                _Handler, _HOST, port, _MAX_BODY_BYTES, _TIMEOUT_SECONDS, session=Session(study, self._store)
            )
        except Exception as error:
            self._store.close()
            if not isinstance(error, OSError):
                raise
            raise UserError(
                f"Cannot listen on port {port}: {error.strerror}. Choose another port, or 0 for any free port."
            ) from error
        self.url = f"http://{_HOST}:{self.port}/"

    def stop(self, grace_seconds: float = 5.0) -> None:
        super().stop(grace_seconds)
        self._store.close()


class _Handler(HttpHandler):
    session: Session
    extra_headers = {
        "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }

    def answer(self, body):
        self._refuse_other_sites()
        path, _, query = self.path.partition("?")
        if self.command == "POST" and path == "/api/answers":
            return _json(self.session.answer(self._content(body)))
        if self.command not in ("GET", "HEAD"):
            self.response_headers["Allow"] = "GET, HEAD, POST" if path == "/api/answers" else "GET, HEAD"
            raise ServingError("UNIMPLEMENTED", "Only GET, and POST to /api/answers, are supported.", http_status=405)
        if path in _PAGE_FILES:
            name, content_type = _PAGE_FILES[path]
            return content_type, (_PAGE / name).read_bytes()
        if path == "/api/study":
            return _json(self.session.describe())
        if path == "/api/trial":
            names = urllib.parse.parse_qs(query).get("rater", [""])
            return _json(self.session.next_trial(names[0]))
        return "audio/wav" if path.endswith(".wav") else "image/png", self._picture(path)

    def _refuse_other_sites(self):
        """Refuses requests from other sites, which must neither read nor answer, whatever they call this host."""
        own = {f"{name}:{self.port}" for name in (_HOST, "localhost")}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in own or (origin is not None and origin.removeprefix("http://") not in own):
            raise ServingError(
                "PERMISSION_DENIED", f"Requests must come from the study's own page. Open http://{min(own)}/"
            )

    def _content(self, body):
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise ServingError("INVALID_ARGUMENT", "The Content-Type must be application/json.", http_status=415)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise invalid_argument("The request must be valid JSON.") from error

    def _picture(self, path) -> bytes:
        match = _PICTURE.fullmatch(path)
        file = self.session.study.picture_path(match[1], match[2]) if match else None
        if file is None:
            raise not_found("Page not found.")
        return file.read_bytes()


def _json(value) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()


def judge(study: Study, port: int) -> None:
    """Serves a study until Ctrl-C or SIGTERM. Prints the URL.

    Args:
        study: A `Study`.
        port: Integer. TCP port to listen on. 0 picks any free port.

    Raises:
        UserError: If the port is in use.
    """
    stopping = threading.Event()
    server = JudgeServer(study, port)
    previous = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.start()
        say(
            f"Open {server.url} in a browser on this machine. Press Ctrl-C to stop; every answer is saved immediately.",
            flush=True,
        )
        stopping.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        server.stop()
    say(f"Stopped. To see the results, run: tfgan-suite judge {study.directory} --report", flush=True)
