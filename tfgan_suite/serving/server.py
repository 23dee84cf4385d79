"""The development server: REST and gRPC for the models of a directory."""

import contextlib
import json
import logging
import signal
import threading

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.grpc_server import GrpcServer
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_server import RestServer
from tfgan_suite.serving.version_poller import VersionPoller

logger = logging.getLogger(__name__)

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Server:
    """Serves the models of a directory over REST and gRPC, until it is stopped. A context manager.

    For development: it speaks TensorFlow Serving's protocols, but knows neither users nor encryption.

    Args:
        directory: `saved_models/NAME`, a directory of such directories, or one version's directory.
        rest_port: TCP port of REST; 0 for any free one.
        grpc_port: TCP port of gRPC; 0 for any free one. Without the extra `serving` there is REST alone.
        host: Address to listen on. By default this machine alone can connect.
        model_name: Name to serve a single model by, or which of several to serve.
        max_concurrent: Calls of models that run at the same time; more wait.
        batching: A `DynamicBatching` joins requests that wait; `None` computes each by itself.
        poll_seconds: How often to look for versions that came or went; 0 for never.

    Attributes:
        repository: The `ModelRepository`.
        rest_port: The port that REST listens on.
        grpc_port: The port that gRPC listens on, `None` without the extra `serving`.

    Raises:
        UserError: There is no model, or a port is taken.

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
    ):
        self.host = host
        self.repository = ModelRepository(directory, model_name, max_concurrent, batching)
        self._poller = VersionPoller(self.repository, poll_seconds) if poll_seconds else None
        try:
            self._rest_server = RestServer(self.repository, host, rest_port)
        except OSError as error:
            raise UserError(
                f"Cannot listen for REST on {host}:{rest_port}: {error.strerror}. Choose another rest_port, 0 for any."
            ) from error
        self.rest_port = self._rest_server.port
        try:
            self._grpc_server = GrpcServer(self.repository, host, grpc_port)
            self.grpc_port = self._grpc_server.port
        except MissingExtraError as error:
            logger.warning("REST alone: %s", error)
            self._grpc_server = self.grpc_port = None
        except UserError:
            self._rest_server.stop()
            raise

    @property
    def rest_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.rest_port}"

    def start(self) -> "Server":
        if self._poller:
            self._poller.start()
        self._rest_server.start()
        if self._grpc_server:
            self._grpc_server.start()
        return self

    def stop(self) -> None:
        """Stops listening; requests that are being answered are finished."""
        if self._poller:
            self._poller.stop()
        self._rest_server.stop()
        if self._grpc_server:
            self._grpc_server.stop()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *exception) -> None:
        self.stop()

    def describe(self) -> str:
        """Where it listens, what it serves, and a command to try."""
        lines = [f"REST  {self.rest_url}"]
        lines.append(
            f"gRPC  {self.host}:{self.grpc_port}" if self.grpc_port else 'gRPC  off: pip install "tfgan-suite[serving]"'
        )
        for name in self.repository.model_names:
            for status in self.repository.status(name):
                lines.append(f"model {name} version {status.version}: {status.state} {status.error_message}".rstrip())
        if self.host not in _LOOPBACK_HOSTS:
            lines.append("Anyone who can reach this address can use it: there is no authentication.")
        with contextlib.suppress(StopIteration):
            lines += ["Try:", f"  {next(self._commands())}"]
        return "\n".join(lines)

    def _commands(self):
        """A command for the first model that can generate, ready to paste."""
        for name in self.repository.model_names:
            for status in self.repository.status(name):
                signatures = status.servable.signature_defs if status.servable else {}
                chosen = next((key for key in ("generate_png", "generate") if key in signatures), None)
                if chosen:
                    values = {"seed": 1, "count": 1, **status.servable.sampling_defaults, "labels": []}
                    inputs = {key: value for key, value in values.items() if key in signatures[chosen].inputs}
                    request = json.dumps({"signature_name": chosen, "inputs": inputs})
                    yield f"curl -s -d '{request}' {self.rest_url}/v1/models/{name}:predict"


def serve(directory, **arguments) -> None:
    """Serves the models of a directory until Ctrl-C or SIGTERM; prints where.

    Args:
        directory: `saved_models/NAME`, a directory of such directories, or one version's directory.
        **arguments: See `Server`.

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
            print(server.describe(), flush=True)
            stopping.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    print("Stopped.", flush=True)
