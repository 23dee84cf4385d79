"""Finds models on disk, loads their versions, and runs requests on them; shared by REST and gRPC."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.servable import Servable
from tfgan_suite.serving.serving_error import ServingError, invalid_argument, not_found

logger = logging.getLogger(__name__)

_NUMBER = re.compile("[0-9]{1,18}")
AVAILABLE = "AVAILABLE"
END = "END"  # TensorFlow Serving's state of a version that is no longer served, or that failed to load.


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """A version and its state.

    Attributes:
        version: Integer. Version number.
        state: String, `AVAILABLE` or `END`.
        error_code: String. Name of the error code, `"OK"` without an error.
        error_message: String. Why the version could not be loaded.
        servable: A `Servable`, or `None` unless `state` is `AVAILABLE`.
        files: A frozenset. Names, sizes, and times of the files of a version that could not be loaded.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""
    servable: Servable | None = None
    files: frozenset = frozenset()


class ModelRepository:
    """All versions of the models in a directory. Thread-safe.

    Every version is served, as in TensorFlow Serving with `model_version_policy { all {} }`. A version that cannot be
    loaded is reported by `status()` and does not affect the others.

    Args:
        directory: String or path of `saved_models/NAME`, of a directory of such directories, or of a single version.
        model_name: String or `None`. Name to serve a single model under, or the one of several models to serve.
            Defaults to the names of the directories.
        max_concurrent: Integer >= 1. Maximum number of model calls that run at the same time; any more wait. The limit
            bounds memory, and TensorFlow already uses all cores for a single call.
        batching: A `DynamicBatching`, which joins waiting requests, or `None` to compute each request by itself.

    Raises:
        UserError: If there is no model, or none with the given name.
    """

    def __init__(
        self,
        directory,
        model_name: str | None = None,
        max_concurrent: int = 4,
        batching: DynamicBatching | None = None,
    ):
        self._bases = _find_models(local_path(directory), model_name)
        self._statuses = {name: {} for name in self._bases}
        self._executor = concurrent.futures.ThreadPoolExecutor(max_concurrent, thread_name_prefix="model")
        self._batching = batching
        self._refreshing = threading.Lock()
        self.refresh()

    @property
    def model_names(self) -> list[str]:
        return sorted(self._bases)

    @property
    def is_ready(self) -> bool:
        """Whether any version of any model can be served."""
        return any(status.servable for statuses in self._statuses.values() for status in statuses.values())

    def refresh(self) -> None:
        """Loads versions that are new on disk and drops those that are gone. Requests continue to be answered.

        A version that could not be loaded is tried again after its files have changed, for example because a copy was
        still in progress. A dropped version is released after its last request has been answered.

        Raises:
            OSError: If the directory cannot be read.
        """
        with self._refreshing:
            for name, (base, only_version) in self._bases.items():
                known = self._statuses[name]
                found = _versions_of(base) if only_version is None else {only_version: base}
                # Replaced as a whole, so that a request sees all versions either before or after the refresh.
                self._statuses[name] = {
                    version: _renew(known.get(version), name, version, path) for version, path in sorted(found.items())
                }
                for version in known.keys() - found.keys():
                    logger.info("%s version %d is no longer served.", name, version)

    def lookup(self, name: str, version: int | None = None, label: str | None = None) -> Servable:
        """Returns the requested version of a model, or the highest one available.

        Args:
            name: String. Name of the model.
            version: Integer or `None`. Version number. `None` is the highest one available.
            label: String or `None`. Version labels are not supported.

        Returns:
            A `Servable`.

        Raises:
            ServingError: `INVALID_ARGUMENT` if the name is empty or a label is given; `NOT_FOUND` if there is no such
                model or version.
        """
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        if label:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        servables = [status.servable for status in self._statuses.get(name, {}).values() if status.servable]
        if version is not None:
            servables = [servable for servable in servables if servable.version == version]
        if not servables:
            request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise not_found(f"Servable not found for request: {request}")
        return servables[-1]

    def status(self, name: str, version: int | None = None, label: str | None = None) -> list[VersionStatus]:
        """Returns the status of a model's versions, the highest version first.

        Args:
            name: String. Name of the model.
            version: Integer or `None`. Version number. `None` is all versions.
            label: String or `None`. Version labels are not supported.

        Returns:
            List of `VersionStatus`.

        Raises:
            ServingError: `INVALID_ARGUMENT` if a label is given; `NOT_FOUND` if the model or version is unknown.
        """
        if label:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        statuses = self._statuses.get(name, {})
        if version is None:
            if not statuses:
                raise not_found(f"Could not find any versions of model {name}")
            return [statuses[number] for number in sorted(statuses, reverse=True)]
        if version not in statuses:
            raise not_found(f"Could not find version {version} of model {name}")
        return [statuses[version]]

    def predict(self, servable: Servable, signature_name: str, inputs: dict) -> dict:
        """Runs a signature, joined with waiting requests or queued behind them, and waits for the outputs.

        Args:
            servable: A `Servable`, as returned by `lookup`.
            signature_name: String. `""` selects `serving_default`.
            inputs: Dict `{name: NumPy array}`.

        Returns:
            Dict `{name: NumPy array}`.

        Raises:
            ServingError: If the request is refused or fails.
        """
        with _failures_reported(servable, signature_name):
            return self._submit(servable, servable.check(signature_name, inputs), inputs).result()

    async def predict_async(
        self,
        servable: Servable,
        signature_name: str,
        inputs: dict,
        output_filter: Collection[str] = (),
        wait: Callable[[concurrent.futures.Future], Awaitable] = asyncio.wrap_future,
    ) -> dict:
        """Like `predict`, for an event loop, which is not blocked. A request cancelled while waiting is not computed.

        Args:
            servable: A `Servable`, as returned by `lookup`.
            signature_name: String. `""` selects `serving_default`.
            inputs: Dict `{name: NumPy array}`.
            output_filter: Collection of strings. Names of the outputs to return; all if empty.
            wait: Callable that takes a `concurrent.futures.Future` and returns an awaitable of its result.
                `EventLoopFutures.result` is faster than the default.

        Returns:
            Dict `{name: NumPy array}`.

        Raises:
            ServingError: If the request is refused or fails.
        """
        with _failures_reported(servable, signature_name):
            signature_name = servable.check(signature_name, inputs, output_filter)
            outputs = await wait(self._submit(servable, signature_name, inputs))
        return {name: outputs[name] for name in output_filter or outputs}

    def _submit(self, servable, signature_name, inputs):
        if self._batching is None:
            return self._executor.submit(servable.run, signature_name, inputs)
        return self._batching.submit(self._executor, servable, signature_name, inputs)


@contextlib.contextmanager
def _failures_reported(servable, signature_name):
    """Turns any error into the failure of this one request, so that it does not end the server."""
    try:
        yield
    except ServingError:
        raise
    except Exception as error:
        logger.exception("A request to %s, signature %r failed", servable.name, signature_name)
        raise ServingError("INTERNAL", "The request failed inside the server. See the server's log.") from error


def _renew(status: VersionStatus | None, name: str, version: int, path: Path) -> VersionStatus:
    """Returns the status unchanged, or loads the version if it is new or its files have changed since it failed."""
    if status is not None and (status.servable or status.files == _files_of(path)):
        return status
    return _load(name, version, path)


def _files_of(path: Path) -> frozenset:
    """Returns the names, sizes, and times of all files."""
    files = set()
    for file in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # It was deleted while the others were being listed.
            found = file.stat()
            files.add((str(file), found.st_size, found.st_mtime_ns))
    return frozenset(files)


def _load(name: str, version: int, path: Path) -> VersionStatus:
    files = _files_of(path)  # Before they are read, so that a change in the meantime counts as a change.
    try:
        servable = Servable(name, version, path)
        num_requests = servable.warm_up()
    except Exception as error:  # Damaged files raise many kinds of errors; the other versions continue to be served.
        code = error_codes_pb2.Code.Name(error.error_code) if isinstance(error, tf.errors.OpError) else "UNKNOWN"
        message = f"Could not load {path}: {error}".strip()
        logger.warning("%s version %d is not served. %s", name, version, message)
        return VersionStatus(version, END, code, message, files=files)
    logger.info("Serving %s version %d from %s (%d warm-up requests).", name, version, path, num_requests)
    return VersionStatus(version, AVAILABLE, servable=servable)


def _find_models(directory: Path, model_name: str | None) -> dict:
    """Returns `{name: (base directory, the only version or None)}`."""
    if not directory.is_dir():
        raise UserError(
            "`directory` must be saved_models/NAME or a directory of models. There is no such directory. "
            f"Received: directory={str(directory)!r}"
        )
    directory = directory.resolve()
    if (directory / "saved_model.pb").is_file():
        version = int(directory.name) if _NUMBER.fullmatch(directory.name) else 1
        return {model_name or directory.parent.name: (directory, version)}
    if _versions_of(directory):
        return {model_name or directory.name: (directory, None)}
    models = {
        child.name: (child, None) for child in sorted(directory.iterdir()) if child.is_dir() and _versions_of(child)
    }
    if not models:
        raise UserError(
            "`directory` must contain NAME/VERSION/saved_model.pb or VERSION/saved_model.pb, but contains no model. "
            f"Received: directory={str(directory)!r}. Export a model with `export_saved_model`."
        )
    if model_name is None:
        return models
    if model_name not in models:
        raise unknown_name("model", model_name, models)
    return {model_name: models[model_name]}


def _versions_of(base: Path) -> dict:
    """Returns `{version: directory}`. Every directory named by a number counts as a version, whatever it contains."""
    if not base.is_dir():
        return {}
    return {int(child.name): child for child in base.iterdir() if _NUMBER.fullmatch(child.name) and child.is_dir()}
