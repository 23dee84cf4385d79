"""The development server: serves the models in a directory over REST and gRPC."""

import asyncio
import contextlib
import gc
import json
import logging
import re
import signal
import threading

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.foundation.terminal import say
from tfgan_suite.serving.body_budget import BodyBudget
from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.event_loop_thread import EventLoopThread
from tfgan_suite.serving.grpc_server import GrpcServer
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_server import RestServer
from tfgan_suite.serving.version_poller import VersionPoller

logger = logging.getLogger(__name__)

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Server:
    """Serves the models in a directory over REST and gRPC until it is stopped. Can be used as a context manager.

    The server is meant for development: it speaks TensorFlow Serving's protocols, but has no authentication and no
    encryption.

    Args:
        directory: String or path of `saved_models/NAME`, of a directory of such directories, or of a single version.
        rest_port: Integer. TCP port for REST. 0 picks any free port.
        grpc_port: Integer. TCP port for gRPC. 0 picks any free port. Without TensorFlow Serving's messages, only REST
            is available.
        host: String. Address to listen on. By default, only this machine can connect.
        model_name: String or `None`. Name to serve a single model under, or the one of several models to serve.
            Defaults to the names of the directories.
        max_concurrent: Integer >= 1. Maximum number of model calls that run at the same time; any more wait.
        batching: A `DynamicBatching`, which joins waiting requests, or `None` to compute each request by itself.
        poll_seconds: Float >= 0. How often to check for added and removed versions. 0 disables the check.
        cors: Boolean. Whether REST lets pages of any site use the server from a browser (cross-origin resource
            sharing), as TensorFlow Serving does with `--rest_api_enable_cors_support`.

    Attributes:
        repository: The `ModelRepository`.
        rest_port: Integer. The port that REST listens on.
        grpc_port: Integer. The port that gRPC listens on, or `None` without TensorFlow Serving's messages.

    Raises:
        MissingExtraError: If the extra `serving` is not installed.
        UserError: If there is no model, or a port is in use.

    Example:

    >>> with Server("saved_models/digits", rest_port=0, grpc_port=0) as server:
    ...     print(urllib.request.urlopen(f"{server.rest_url}/v1/models/digits").status)
    200
    """

    def __init__(
        self,
        directory,
        *,
        rest_port: int = 8501,
        grpc_port: int = 8500,
        host: str = "127.0.0.1",
        model_name: str | None = None,
        max_concurrent: int = 4,
        batching: DynamicBatching | None = None,
        poll_seconds: float = 1.0,
        cors: bool = False,
    ):
        self.host = host
        self.repository = ModelRepository(directory, model_name, max_concurrent, batching)
        self._event_loop = EventLoopThread()
        shared = {"budget": BodyBudget(), "event_loop": self._event_loop}
        self._poller = VersionPoller(self.repository, poll_seconds) if poll_seconds else None
        try:
            self._rest_server = RestServer(self.repository, host, rest_port, cors=cors, **shared)
        except OSError as error:
            self._event_loop.stop()
            raise UserError(
                f"Cannot listen for REST on {host}:{rest_port}: {error.strerror}. Choose another `rest_port`, or 0 for "
                "any free port."
            ) from error
        self.rest_port = self._rest_server.port
        try:
            self._grpc_server = GrpcServer(self.repository, host, grpc_port, **shared)
            self.grpc_port = self._grpc_server.port
        except MissingExtraError as error:
            logger.warning("Serving REST only: %s", error)
            self._grpc_server = self.grpc_port = None
        except UserError:
            self._rest_server.stop()
            self._event_loop.stop()
            raise

    @property
    def _servers(self):
        return [server for server in (self._rest_server, self._grpc_server) if server]

    @property
    def rest_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.rest_port}"

    def start(self) -> "Server":
        if self._poller:
            self._poller.start()
        for server in self._servers:
            server.start()
        return self

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops listening, and answers the requests that have been sent.

        Args:
            grace_seconds: Float. How long this may take.
        """
        if not self._event_loop.is_running:
            return
        if self._poller:
            self._poller.stop()

        async def drain():
            await asyncio.gather(*(server.drain(grace_seconds) for server in self._servers))

        self._event_loop.run(drain())
        self._event_loop.stop()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *exception) -> None:
        self.stop()

    def describe(self) -> str:
        """Returns a text that says where the server listens and what it serves, with a command to try."""
        lines = [f"REST  {self.rest_url}"]
        lines.append(
            f"gRPC  {self.host}:{self.grpc_port}" if self.grpc_port else 'gRPC  off: pip install "tfgan-suite[serving]"'
        )
        for name in self.repository.model_names:
            for status in self.repository.status(name):
                lines.append(f"model {name} version {status.version}: {status.state} {status.error_message}".rstrip())
        if self.host not in _LOOPBACK_HOSTS:
            lines.append("There is no authentication: anyone who can reach this address can use the server.")
        with contextlib.suppress(StopIteration):
            lines += ["Try:", f"  {next(self._commands())}"]
        return "\n".join(lines)

    def _commands(self):
        """Yields a command ready to paste for each version that can generate images."""
        for name in self.repository.model_names:
            for status in self.repository.status(name):
                signatures = status.servable.signature_defs if status.servable else {}
                as_file = [key for key in signatures if re.fullmatch("generate_(png|wav|gif)", key)]
                chosen = next((key for key in (*as_file, "generate") if key in signatures), None)
                if chosen:
                    values = {"seed": 1, "count": 1, **status.servable.sampling_defaults, "labels": []}
                    inputs = {key: value for key, value in values.items() if key in signatures[chosen].inputs}
                    request = json.dumps({"signature_name": chosen, "inputs": inputs})
                    yield f"curl -s -d '{request}' {self.rest_url}/v1/models/{name}:predict"


def serve(directory, **arguments) -> None:
    """Serves the models in a directory until Ctrl-C or SIGTERM. Prints the addresses.

    Args:
        directory: String or path of `saved_models/NAME`, of a directory of such directories, or of a single version.
        **arguments: The arguments of `Server`.

    Raises:
        UserError: If there is no model, or a port is in use.

    Example:

    >>> serve("saved_models/digits")
    """
    stopping = threading.Event()
    server = Server(directory, **arguments)
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, lambda *_: stopping.set())
    try:
        with server:
            # The libraries and models stay, and looking through them for garbage stops all requests for long.
            gc.collect()
            gc.freeze()
            say(server.describe(), flush=True)
            stopping.wait()
    finally:
        gc.unfreeze()
        for number, handler in previous.items():
            signal.signal(number, handler)
    say("Stopped.", flush=True)
