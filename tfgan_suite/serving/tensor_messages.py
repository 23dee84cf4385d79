"""Converts between arrays and `TensorProto` messages, several times faster than TensorFlow's own functions.

Those are `tf.make_ndarray` and `tf.make_tensor_proto`.
"""

import math

import numpy as np
import tensorflow as tf

from tfgan_suite.serving.serving_error import invalid_argument

_STRING_OBJECT_BYTES = 64  # Approximate size of an empty string in Python.

# For the types that clients send, the field of the message that lists individual values.
_VALUE_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.uint8: "int_val",
    tf.bool: "bool_val",
}
_KNOWN_TYPES = {dtype.as_datatype_enum: (dtype.as_numpy_dtype, field) for dtype, field in _VALUE_FIELDS.items()}
_KNOWN_ENUMS = {np.dtype(numpy_dtype): enum for enum, (numpy_dtype, _) in _KNOWN_TYPES.items()}


def read_tensor(name: str, tensor, max_bytes: int) -> np.ndarray:
    """Reads the array in a message from a client.

    Args:
        name: String. Name of the tensor in error messages.
        tensor: A `TensorProto`.
        max_bytes: Integer. Maximum size of the array in memory. Larger arrays are refused.

    Returns:
        A NumPy array, which may be read-only.

    Raises:
        ServingError: `INVALID_ARGUMENT` if the message is not a valid tensor, or the tensor is too large.
    """
    try:
        sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
        num_elements = math.prod(sizes)
        numpy_dtype, field = _KNOWN_TYPES.get(tensor.dtype, (None, None))
        # A message of a few bytes can declare a shape of gigabytes, filled with one repeated value.
        if num_elements * _item_bytes(tensor.dtype) > max_bytes:
            raise ValueError(f"it would take more than {max_bytes} bytes")
        if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise ValueError("its shape is unknown")
        if numpy_dtype:
            if tensor.tensor_content:
                return np.frombuffer(tensor.tensor_content, numpy_dtype).reshape(sizes)
            values = getattr(tensor, field)
            if len(values) == num_elements:
                return np.fromiter(values, numpy_dtype, num_elements).reshape(sizes)
        return tf.make_ndarray(tensor)  # Other types, and messages with fewer values than elements.
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise invalid_argument(f"tensor parsing error: {name}: {error}") from error


def write_tensor(tensor, array: np.ndarray) -> None:
    """Writes an array to an empty `TensorProto` for a client.

    Args:
        tensor: A `TensorProto`. The message to fill.
        array: A NumPy array. Objects are strings.
    """
    enum = _KNOWN_ENUMS.get(array.dtype)
    if enum is None:
        tensor.CopyFrom(tf.make_tensor_proto(array))
        return
    tensor.dtype = enum
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = array.tobytes()


def _item_bytes(enum):
    if enum in _KNOWN_TYPES:
        return np.dtype(_KNOWN_TYPES[enum][0]).itemsize
    dtype = tf.as_dtype(enum)
    return _STRING_OBJECT_BYTES if dtype == tf.string else dtype.size
