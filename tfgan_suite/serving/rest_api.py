"""TensorFlow Serving's REST API over a `ModelRepository`: requests and answers, independently of the HTTP server.

The paths of health checks are an addition: `/livez` and `/health/live` say that the server runs; `/health`, `/healthz`,
`/health/ready` and `/readyz` that it has a model to serve.

Reference: TensorFlow Serving, "RESTful API".
"""

import asyncio
import concurrent.futures
import re
import urllib.parse
from collections.abc import Awaitable, Callable

from tensorflow.core.framework import types_pb2

from tfgan_suite.serving import json_requests, json_responses
from tfgan_suite.serving.file_answers import file_answer
from tfgan_suite.serving.large_bodies import LARGE_BYTES, in_turn
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

_MODEL = r"(?i:/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(_MODEL + r":(?P<verb>classify|regress|predict))")
_STATUS = re.compile(_MODEL + r"(?:/(?P<part>metadata))?)")
_HEALTH = re.compile("/(?:(?P<live>livez|health/live)|healthz?|readyz|health/ready)")
JSON = "application/json"
_LARGE_OUTPUTS = LARGE_BYTES // 4  # Elements: a number is about four characters.
_METHOD_NAMES = {"classify": "classification", "regress": "regression"}


def allowed_methods(path: str) -> str:
    """Returns the methods of a path, as in the header `Allow`. Empty if there is no such path."""
    path = path.partition("?")[0]
    if path == "*":  # The server as a whole.
        return "GET, HEAD, POST, OPTIONS"
    if _CALL.fullmatch(path):
        return "POST, OPTIONS"
    if _STATUS.fullmatch(path) or _HEALTH.fullmatch(path):
        return "GET, HEAD, OPTIONS"
    return ""


async def answer_request(
    repository: ModelRepository,
    method: str,
    path: str,
    body: bytes,
    wait: Callable[[concurrent.futures.Future], Awaitable] = asyncio.wrap_future,
    accept: str = "",
) -> tuple[str, bytes]:
    """Answers a request with JSON, or with the file that it asks for.

    Args:
        repository: A `ModelRepository`. The models to serve.
        method: String. HTTP method, such as `"POST"`.
        path: String. Path of the URL, such as `"/v1/models/NAME:predict"`.
        body: Bytes. The request's body.
        wait: Callable. See `ModelRepository.predict_async`.
        accept: String. The request's header `Accept`.

    Returns:
        Tuple of the media type, and the bytes of the JSON document or of the file.

    Raises:
        ServingError: If the request is refused or fails.
    """
    path = path.partition("?")[0]
    reads = method in ("GET", "HEAD")
    if method == "POST" and (call := _CALL.fullmatch(path)):
        return await _call(repository, call, body, wait, accept)
    return JSON, _answer_about(repository, method, path, reads)


def _answer_about(repository, method, path, reads) -> bytes:
    """Answers whatever calls no model."""
    if reads and (status := _STATUS.fullmatch(path)):
        target = _target(status)
        return _metadata(repository, *target) if status["part"] else _status(repository, *target)
    if reads and (health := _HEALTH.fullmatch(path)):
        return _health(repository, health)
    if method == "OPTIONS" and allowed_methods(path):
        return json_responses.pretty({})
    if method == "GET" and path.lower().rstrip("/") == "/v1/models":
        raise invalid_argument("Missing model name in request.")
    if path.lower().startswith("/v1/"):
        raise invalid_argument(f"Malformed request: {method} {path}")
    if allowed_methods(path):
        raise ServingError(
            "UNIMPLEMENTED", f"The method must be {allowed_methods(path)}. Received: {method}", http_status=405
        )
    raise ServingError("NOT_FOUND", f"The path must be /v1/models/NAME. Received: {path}")


def _target(match):
    """Returns the name, version, and label of the requested model."""
    version = match["version"]
    if version is not None and (len(version) > 19 or int(version) >= 2**63):
        raise invalid_argument(f"Failed to convert version: {version} to numeric.")
    label = match["label"] and urllib.parse.unquote(match["label"])
    return urllib.parse.unquote(match["name"]), None if version is None else int(version), label


async def _call(repository, match, body, wait, accept) -> tuple[str, bytes]:
    if len(body) > LARGE_BYTES:
        parsed = await in_turn(_parse, repository, match, body)
    else:
        parsed = _parse(repository, match, body)
    servable, signature_name, inputs, request_format = parsed
    outputs = await repository.predict_async(servable, signature_name, inputs, wait=wait)
    if (file := file_answer(outputs, accept)) is not None:
        return file
    if sum(array.size for array in outputs.values()) > _LARGE_OUTPUTS:
        return JSON, await in_turn(json_responses.encode_outputs, outputs, request_format)
    return JSON, json_responses.encode_outputs(outputs, request_format)


def _parse(repository, match, body):
    document = json_requests.parse_json(body)
    signature_name = json_requests.signature_name_of(document)
    servable = repository.lookup(*_target(match))
    signature = servable.signature_defs.get(signature_name or "serving_default")
    verb = match["verb"].lower()
    if verb != "predict":
        raise _not_of_this_kind(verb, document, signature_name, signature)
    if signature is None:
        raise invalid_argument(
            f'Serving signature name: "{signature_name or "serving_default"}" not found in signature def'
        )
    if not signature.inputs:
        raise invalid_argument(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
    return servable, signature_name, *json_requests.parse_inputs(document, signature.inputs)


def _not_of_this_kind(verb, document, signature_name, signature) -> ServingError:
    """Builds the error for `classify` and `regress`, for which generators have no signatures."""
    if "examples" not in document:
        return invalid_argument(f"When method is {verb}, key 'examples' is expected and was not found")
    if signature is None:
        return invalid_argument(f"No signature was found with the name: {signature_name or 'serving_default'}")
    return invalid_argument(
        f"Expected {_METHOD_NAMES[verb]} signature method_name to be tensorflow/serving/{verb}. "
        f"Was: {signature.method_name}"
    )


def _health(repository, match) -> bytes:
    if not match["live"] and not repository.is_ready:
        raise ServingError("UNAVAILABLE", "No version of a model can be served.")
    return json_responses.pretty({"status": "SERVING"})


def _status(repository, name, version, label) -> bytes:
    statuses = [
        {
            "version": str(status.version),
            "state": status.state,
            "status": {"error_code": status.error_code, "error_message": status.error_message},
        }
        for status in repository.status(name, version, label)
    ]
    return json_responses.pretty({"model_version_status": statuses})


def _metadata(repository, name, version, label) -> bytes:
    servable = repository.lookup(name, version, label)
    signatures = {
        key: {
            "inputs": {key: _tensor_info(info) for key, info in signature.inputs.items()},
            "outputs": {key: _tensor_info(info) for key, info in signature.outputs.items()},
            "method_name": signature.method_name,
            "defaults": {},
        }
        for key, signature in servable.signature_defs.items()
    }
    return json_responses.pretty(
        {
            "model_spec": {"name": name, "signature_name": "", "version": str(servable.version)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
    )


def _tensor_info(info) -> dict:
    # By hand, because the option for printing default values is named differently across versions of protobuf.
    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dimension.size), "name": dimension.name} for dimension in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }
