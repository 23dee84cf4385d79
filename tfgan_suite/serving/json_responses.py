"""Writes answers in the JSON format of TensorFlow Serving's REST API. For the formats, see `json_requests`."""

import base64
import json

import numpy as np

from tfgan_suite.serving.json_requests import COLUMN
from tfgan_suite.serving.serving_error import ServingError, invalid_argument


def encode_outputs(outputs: dict, request_format: str) -> bytes:
    """Encodes the answer to a request in the request's format: rows in `"predictions"`, columns in `"outputs"`.

    Args:
        outputs: Dict `{name: NumPy array}`.
        request_format: String, `ROW` or `COLUMN` of `json_requests`.

    Returns:
        Bytes of the JSON document.

    Raises:
        ServingError: If row format is requested, but the outputs do not share their first axis, or an output cannot be
            written as JSON.
    """
    if request_format == COLUMN:
        encoded = {name: _encode(array, name) for name, array in outputs.items()}
        return f'{{"outputs": {_named_or_single(encoded)}}}'.encode()
    num_rows = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if num_rows not in (None, len(array)):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {num_rows}"
            )
        num_rows = len(array)
    rows = [
        _named_or_single({name: _encode(array[index], name) for name, array in outputs.items()})
        for index in range(num_rows)
    ]
    return f'{{"predictions": [{", ".join(rows)}]}}'.encode()


def _named_or_single(encoded: dict) -> str:
    if len(encoded) == 1:
        return next(iter(encoded.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in encoded.items()) + "}"


def _encode(array, name: str) -> str:
    array = np.asarray(array)
    if array.dtype.kind in "OS":
        return json.dumps(_encode_bytes(array.tolist(), name))
    if array.dtype.kind == "f":
        return _encode_floats(array)
    if array.dtype.kind in "iub":
        return json.dumps(array.tolist(), separators=(",", ":"))
    raise invalid_argument(f"Failed to write JSON value for tensor type: {array.dtype.name}")


def _encode_floats(array) -> str:
    # Formatted at the array's own precision: 0.2, where the Python float of the same float32 is 0.20000000298023224.
    text = array.astype("U32").ravel()
    for found, written in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
        text[text == found] = written
    return _nest(text.tolist(), array.shape)


def _nest(items: list, shape) -> str:
    if not shape:
        return items[0]
    if len(shape) == 1:
        return "[" + ",".join(items) + "]"
    step = len(items) // shape[0] if shape[0] else 0
    return "[" + ",".join(_nest(items[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])) + "]"


def _encode_bytes(value, name):
    if isinstance(value, list):
        return [_encode_bytes(item, name) for item in value]
    if name.endswith("_bytes"):  # TensorFlow Serving's rule for telling bytes from text.
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ServingError("INTERNAL", f"Output {name} is not text, and its name does not end in _bytes.") from error


def pretty(value) -> bytes:
    """Formats a JSON value on several lines, for human readers."""
    # Half a surrogate pair, which a client can send in a name or a path, has no UTF-8. Python's escape is JSON's, too.
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def error_body(message: str) -> bytes:
    """Builds the JSON answer to a request that is refused or fails."""
    return pretty({"error": message})
