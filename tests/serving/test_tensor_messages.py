"""Against TensorFlow's own functions, which every client has."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfgan_suite.serving.serving_error import ServingError
from tfgan_suite.serving.tensor_messages import read_tensor, write_tensor

MAX_BYTES = 1 << 20
DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool", "float16", "int8", "uint16", "uint64", "complex64"]
SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3)]


def one_by_one(array):
    """A message with the values in their field, as clients without arrays write it."""
    message = tf.make_tensor_proto(array)
    message.tensor_content = b""
    field = next(name for name, dtype in FIELDS.items() if array.dtype.name in dtype)
    values = getattr(message, field)
    del values[:]
    values.extend(array.ravel().tolist())
    return message


FIELDS = {
    "float_val": ["float32"],
    "double_val": ["float64"],
    "int_val": ["int32", "uint8", "int8", "uint16"],
    "int64_val": ["int64"],
    "bool_val": ["bool"],
    "uint64_val": ["uint64"],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [*DTYPES, "S"])
def test_arrays_come_back(dtype, shape):
    array = np.asarray(np.random.default_rng(0).integers(0, 100, shape)).astype(dtype)
    message = tf.make_tensor_proto(array)
    received = read_tensor("x", message, MAX_BYTES)
    expected = tf.make_ndarray(message)
    assert (received.dtype, received.shape) == (expected.dtype, shape)
    np.testing.assert_array_equal(received, expected)

    sent = tensor_pb2.TensorProto()
    write_tensor(sent, expected)
    assert sent.dtype == message.dtype
    np.testing.assert_array_equal(tf.make_ndarray(sent), expected)
    assert tf.make_ndarray(sent).shape == shape


@pytest.mark.parametrize("dtype", [dtype for dtypes in FIELDS.values() for dtype in dtypes])
def test_values_one_by_one(dtype):
    array = np.array([[0, 1, 7], [1, 0, 9]]).astype(dtype)
    received = read_tensor("x", one_by_one(array), MAX_BYTES)
    assert received.dtype == array.dtype
    np.testing.assert_array_equal(received, array)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "float16"])
def test_the_last_value_fills_what_is_left(dtype):
    message = tf.make_tensor_proto(np.array(3, dtype), shape=[2, 2])
    np.testing.assert_array_equal(read_tensor("x", message, MAX_BYTES), np.full([2, 2], 3, dtype))


def changed(array, **fields):
    message = tf.make_tensor_proto(array)
    for name, value in fields.items():
        if name == "sizes":
            del message.tensor_shape.dim[:]
            for size in value:
                message.tensor_shape.dim.add(size=size)
        else:
            setattr(message, name, value)
    return message


TOO_LARGE_A_VALUE = one_by_one(np.array([1, 2], np.uint8))
TOO_LARGE_A_VALUE.int_val[0] = 300
UNKNOWN_RANK = changed(np.float32(1))
UNKNOWN_RANK.tensor_shape.unknown_rank = True


@pytest.mark.parametrize(
    "message, reason",
    [
        (changed(np.ones([2], np.float32), sizes=[3]), "cannot reshape"),
        (changed(np.ones([2], np.float32), tensor_content=b"1234567"), "buffer size"),
        (changed(np.ones([2], np.float16), sizes=[3]), "cannot reshape"),
        (changed(np.float32(1), sizes=[1 << 40]), "would take more than 1048576 bytes"),
        (changed(np.array([b"a"]), sizes=[1 << 15]), "would take more than 1048576 bytes"),
        (changed(np.float32(1), sizes=[-1]), "shape is unknown"),
        (UNKNOWN_RANK, "shape is unknown"),
        (changed(np.float32(1), dtype=0), "tensor parsing error: x"),
        (changed(np.float32(1), dtype=9999), "tensor parsing error: x"),
        (TOO_LARGE_A_VALUE, "out of bounds for uint8"),
    ],
)
def test_what_is_no_tensor_is_refused(message, reason):
    with pytest.raises(ServingError, match=reason) as caught:
        read_tensor("x", message, MAX_BYTES)
    assert caught.value.code == "INVALID_ARGUMENT"
