"""Finds models on disk, loads their versions, and answers requests for them: what REST and gRPC share."""

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
from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.servable import Servable
from tfgan_suite.serving.serving_error import ServingError, invalid_argument, not_found

logger = logging.getLogger(__name__)

_NUMBER = re.compile("[0-9]{1,18}")
AVAILABLE = "AVAILABLE"
END = "END"  # TensorFlow Serving's word for a version that is served no more, or that failed to load.


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """A version and how it stands. `servable` is `None` unless `state` is `AVAILABLE`; `files` are those it was read from."""

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""
    servable: Servable | None = None
    files: frozenset = frozenset()


class ModelRepository:
    """All versions of the models of a directory. Safe to use from several threads.

    Every version is served, as TensorFlow Serving does under `model_version_policy { all {} }`. A version that cannot be
    loaded is told of in `status`, and the others are served.

    Args:
        directory: `saved_models/NAME`, a directory of such directories, or one version's directory.
        model_name: Name to serve a single model by, or which of several to serve. By default the directories' names.
        max_concurrent: Calls of models that run at the same time; more wait. It bounds memory, and TensorFlow uses all
            cores for one call already.
        batching: Joins requests that wait; `None` computes each by itself.

    Raises:
        UserError: There is no model, or none of that name.
    """

    def __init__(
        self,
        directory,
        model_name: str | None = None,
        max_concurrent: int = 4,
        batching: DynamicBatching | None = None,
    ):
        self._bases = _find_models(Path(directory), model_name)
        self._statuses = {name: {} for name in self._bases}
        self._executor = concurrent.futures.ThreadPoolExecutor(max_concurrent, thread_name_prefix="model")
        self._batching = batching
        self._refreshing = threading.Lock()
        self.refresh()

    @property
    def model_names(self) -> list[str]:
        return sorted(self._bases)

    def refresh(self) -> None:
        """Loads versions that are new on disk and drops those that are gone; requests go on meanwhile.

        A version that could not be loaded is tried again once its files are others, such as those of a copy that was
        still under way. One that is dropped is forgotten when the last of its requests has its answer.

        Raises:
            OSError: The directory cannot be read.
        """
        with self._refreshing:
            for name, (base, only_version) in self._bases.items():
                known = self._statuses[name]
                found = _versions_of(base) if only_version is None else {only_version: base}
                # Replaced as a whole, so that a request sees the versions as they were before or as they are after.
                self._statuses[name] = {
                    version: _renew(known.get(version), name, version, path) for version, path in sorted(found.items())
                }
                for version in known.keys() - found.keys():
                    logger.info("%s version %d is served no more.", name, version)

    def lookup(self, name: str, version: int | None = None, label: str | None = None) -> Servable:
        """The version asked for, or the highest that is available.

        Raises:
            ServingError: `INVALID_ARGUMENT` without a name or with a label, `NOT_FOUND` otherwise.
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
        """How the versions of a model stand, the highest first.

        Raises:
            ServingError: `NOT_FOUND` for an unknown model or version.
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
        """Runs a signature, together with others that wait or behind them, and waits for the outputs.

        Args:
            servable: What `lookup` gave.
            signature_name: `""` for `serving_default`.
            inputs: `{name: numpy array}`.

        Returns:
            `{name: numpy array}`.

        Raises:
            ServingError: The request is refused, or fails.
        """
        with _failures_told(servable, signature_name):
            return self._submit(servable, servable.check(signature_name, inputs), inputs).result()

    async def predict_async(
        self,
        servable: Servable,
        signature_name: str,
        inputs: dict,
        output_filter: Collection[str] = (),
        wait: Callable[[concurrent.futures.Future], Awaitable] = asyncio.wrap_future,
    ) -> dict:
        """`predict` on an event loop, which answers others meanwhile. Cancelled while it waits, it is not computed.

        Args:
            servable: What `lookup` gave.
            signature_name: `""` for `serving_default`.
            inputs: `{name: numpy array}`.
            output_filter: Names of the outputs wanted; none for all.
            wait: Waits for a future's result; `EventLoopFutures.result` is the quicker one.

        Returns:
            `{name: numpy array}`.

        Raises:
            ServingError: The request is refused, or fails.
        """
        with _failures_told(servable, signature_name):
            signature_name = servable.check(signature_name, inputs, output_filter)
            outputs = await wait(self._submit(servable, signature_name, inputs))
        return {name: outputs[name] for name in output_filter or outputs}

    def _submit(self, servable, signature_name, inputs):
        if self._batching is None:
            return self._executor.submit(servable.run, signature_name, inputs)
        return self._batching.submit(self._executor, servable, signature_name, inputs)


@contextlib.contextmanager
def _failures_told(servable, signature_name):
    """Whatever goes wrong within it ends this request and not the server."""
    try:
        yield
    except ServingError:
        raise
    except Exception as error:
        logger.exception("A request to %s, signature %r failed", servable.name, signature_name)
        raise ServingError("INTERNAL", "The request failed inside the server; its log says why.") from error


def _renew(status: VersionStatus | None, name: str, version: int, path: Path) -> VersionStatus:
    """The status as it is, or that after loading the version for the first time or anew."""
    if status is not None and (status.servable or status.files == _files_of(path)):
        return status
    return _load(name, version, path)


def _files_of(path: Path) -> frozenset:
    """Names, sizes and times of all files."""
    files = set()
    for file in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # It went while the others were being listed.
            found = file.stat()
            files.add((str(file), found.st_size, found.st_mtime_ns))
    return frozenset(files)


def _load(name: str, version: int, path: Path) -> VersionStatus:
    files = _files_of(path)  # Before they are read, so that whatever changes meanwhile is a change.
    try:
        servable = Servable(name, version, path)
        num_requests = servable.warm_up()
    except Exception as error:  # Damaged files end in errors of many kinds; the other versions go on.
        code = error_codes_pb2.Code.Name(error.error_code) if isinstance(error, tf.errors.OpError) else "UNKNOWN"
        message = f"Could not load {path}: {error}".strip()
        logger.warning("%s version %d is not served. %s", name, version, message)
        return VersionStatus(version, END, code, message, files=files)
    logger.info("Serving %s version %d from %s (%d warm-up requests).", name, version, path, num_requests)
    return VersionStatus(version, AVAILABLE, servable=servable)


def _find_models(directory: Path, model_name: str | None) -> dict:
    """`{name: (base directory, the only version or None)}`."""
    if not directory.is_dir():
        raise UserError(
            f"There is no directory {str(directory)!r}. Expected saved_models/NAME, or a directory of models."
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
            f"{str(directory)!r} holds no model. Expected NAME/VERSION/saved_model.pb or VERSION/saved_model.pb below it, "
            "as export_saved_model writes them."
        )
    if model_name is None:
        return models
    if model_name not in models:
        raise unknown_name("model", model_name, models)
    return {model_name: models[model_name]}


def _versions_of(base: Path) -> dict:
    """`{version: directory}`; a directory that is a number counts as a version, whatever is in it."""
    if not base.is_dir():
        return {}
    return {int(child.name): child for child in base.iterdir() if _NUMBER.fullmatch(child.name) and child.is_dir()}
