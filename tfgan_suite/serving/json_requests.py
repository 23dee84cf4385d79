"""Parses requests in the JSON format of TensorFlow Serving's REST API.

Requests are either in row format, `{"instances": [...]}`, a list over the batch whose items hold the inputs of one
example, or in column format, `{"inputs": {...}}`, where each input holds the whole batch. The answer has the format of
the request. Bytes are written as `{"b64": "..."}`. NaN and Infinity are written literally, an extension of standard
JSON.

Reference: TensorFlow Serving, "RESTful API". The error messages follow the wording of its `util/json_tensor.cc`.
"""

import base64
import binascii
import functools
import json
import re

import numpy as np
import tensorflow as tf

from tfgan_suite.serving.servable import numpy_dtype
from tfgan_suite.serving.serving_error import invalid_argument

ROW = "instances"
COLUMN = "inputs"

_MAX_RANK = 32
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

# Above these limits, some integers have no exact floating-point representation.
_LARGEST_EXACT_INTEGER = {
    np.dtype(np.float16): 2**11 - 1,
    np.dtype(np.float32): 2**24 - 1,
    np.dtype(np.float64): 2**53 - 1,
}


def parse_json(body: bytes) -> dict:
    """Parses the body of a request.

    Args:
        body: Bytes. The request's body.

    Returns:
        Dict. The JSON object of the request.

    Raises:
        ServingError: If the body is not JSON, not UTF-8, nested too deeply, not an object, or has half a surrogate
            pair in a string.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8"))
        if _SURROGATE.search(body):  # Half of a pair is no text, and fails wherever it is written.
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise invalid_argument(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except RecursionError as error:
        raise invalid_argument("JSON Parse error: The document is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise invalid_argument("JSON Parse error: The surrogate pair in string is invalid.") from error
    except ValueError as error:  # Not UTF-8, or a number with thousands of digits.
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name_of(document: dict) -> str:
    """Returns the `"signature_name"` of a request, or `""` if it is omitted."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {_shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def parse_inputs(document: dict, tensor_infos) -> tuple[dict, str]:
    """Reads the tensors of a request.

    Args:
        document: Dict, as returned by `parse_json`.
        tensor_infos: Mapping `{name: TensorInfo}`, the `SignatureDef.inputs` of the requested signature.

    Returns:
        Tuple `(inputs, request_format)` of a dict `{name: NumPy array}` and either `ROW` or `COLUMN`.

    Raises:
        ServingError: If the tensors do not match the signature.
    """
    if ROW in document and COLUMN in document:
        raise invalid_argument(
            f"JSON Value: {_shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist"
        )
    if ROW in document:
        return _parse_rows(document[ROW], tensor_infos), ROW
    if COLUMN in document:
        return _parse_columns(document[COLUMN], tensor_infos), COLUMN
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _parse_rows(rows, tensor_infos) -> dict:
    if not isinstance(rows, list):
        raise invalid_argument(f"JSON Value: {_shown(rows)} Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid_argument(f"JSON Value: {_shown(rows)} No values in 'instances' array")
    named = _is_named(rows[0])
    if not named and len(tensor_infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    for index, row in enumerate(rows):
        if _is_named(row) != named:
            wanted, found = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(f"Expecting {wanted} but got {found} at item {index} of input list")
        if named and set(row) != set(tensor_infos):
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {_shown(row)} "
                f"keys must be equal to: {','.join(sorted(tensor_infos))}"
            )
    if not named:
        (name,) = tensor_infos
        return {name: _to_array(rows, name, tensor_infos[name])}
    return {name: _to_array([row[name] for row in rows], name, info) for name, info in tensor_infos.items()}


def _parse_columns(columns, tensor_infos) -> dict:
    if not _is_named(columns):
        if len(tensor_infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        (name,) = tensor_infos
        return {name: _to_array(columns, name, tensor_infos[name])}
    for name in tensor_infos:
        if name not in columns:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    for name in columns:  # TensorFlow Serving ignores these, but a misspelled name is better reported.
        if name not in tensor_infos:
            raise invalid_argument(f"JSON object: does not have named input: {name}")
    return {name: _to_array(columns[name], name, info) for name, info in tensor_infos.items()}


def _is_named(value) -> bool:
    """Whether a value is an object of named inputs. Bytes are written as an object too, but are a plain value."""
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


# === JSON values to arrays ===


def _to_array(value, name, tensor_info) -> np.ndarray:
    dtype = numpy_dtype(tensor_info)
    shape = _shape_of(value)
    items = []
    _collect(value, 0, shape, items)
    if dtype.kind == "O":
        items = [_to_bytes(item, name) for item in items]
        array = np.empty(len(items), object)
        array[:] = items
        return array.reshape(shape)
    kinds = {type(item) for item in items}
    allowed = {bool} if dtype.kind == "b" else {int} if dtype.kind in "iu" else {int, float}
    if not kinds <= allowed:
        wrong = next(item for item in items if type(item) not in allowed)
        raise invalid_argument(
            f"JSON Value: {_shown(wrong)} Type: {_type_name(wrong)} is not of expected type: "
            f"{tf.as_dtype(tensor_info.dtype).name} (input {name})"
        )
    if items and dtype.kind != "b":
        _check_range(items, kinds, dtype, name, tensor_info)
    return np.array(items, dtype).reshape(shape)


def _shape_of(value) -> list[int]:
    """Returns the shape of nested lists, judged by the first item of each."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > _MAX_RANK:
        raise invalid_argument(f"JSON lists must be nested at most {_MAX_RANK} deep. Received: {len(shape)} levels")
    return shape


def _collect(value, level, shape, items) -> None:
    """Appends all values to `items` in row-major order. Refuses lists of uneven length or depth."""
    if level == len(shape):
        if isinstance(value, list):
            raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        items.append(value)
        return
    if not isinstance(value, list):
        raise invalid_argument(
            f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
            f"Expected at level: {len(shape)}"
        )
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    if level == len(shape) - 1 and not any(isinstance(item, list) for item in value):
        items.extend(value)
        return
    for item in value:
        _collect(item, level + 1, shape, items)


def _check_range(items, kinds, dtype, name, tensor_info) -> None:
    """Refuses numbers that the type cannot hold."""
    if dtype.kind in "iu":
        limits = _integer_limits(dtype)
        for extreme in (min(items), max(items)):
            if not limits.min <= extreme <= limits.max:
                raise invalid_argument(
                    f"JSON Value: {_shown(extreme)} Type: Number is not of expected type: "
                    f"{tf.as_dtype(tensor_info.dtype).name} (input {name})"
                )
        return
    wrong = []
    if int in kinds:
        largest_exact = _LARGEST_EXACT_INTEGER.get(dtype, 2**8 - 1)
        integers = [item for item in items if type(item) is int]
        wrong = [extreme for extreme in (min(integers), max(integers)) if abs(extreme) > largest_exact]
    if not wrong:
        values = np.array(items, np.float64)
        wrong = values[np.isfinite(values) & (np.abs(values) > _largest_float(dtype))].tolist()
    if wrong:
        raise invalid_argument(
            f"Cannot convert JSON value: {_shown(wrong[0])} to {tf.as_dtype(tensor_info.dtype).name} without loss of "
            f"precision. (input {name})"
        )


_integer_limits = functools.cache(np.iinfo)


@functools.cache
def _largest_float(dtype):
    return float(np.finfo(dtype).max)


def _to_bytes(item, name) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if not _is_bytes(item):
        if isinstance(item, dict):
            raise invalid_argument(f"JSON Value: {_shown(item)} not formatted correctly for base64 data")
        raise invalid_argument(
            f"JSON Value: {_shown(item)} Type: {_type_name(item)} is not of expected type: string (input {name})"
        )
    try:
        return base64.b64decode(item["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def _type_name(value) -> str:
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return str(value) if isinstance(value, bool) else names[type(value)]


def _shown(value) -> str:
    """Formats a value for an error message, truncated because the client controls its length."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "(nested too deeply to show)"
    return text if len(text) <= 200 else text[:200] + "..."
