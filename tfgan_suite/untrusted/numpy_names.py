"""The names that pickled NumPy arrays use, with stand-ins that create arrays of plain numbers and nothing else."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.untrusted.restricted_unpickler import Inert, StandIn, UnsafePickleError, shown

_KINDS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_BYTE_ORDERS = {"<", ">", "=", "|"}
_MAX_DIMENSIONS = 32


class PickledDtype(Inert):
    """A numeric type, such as `float32`; never a type of objects, records, or strings.

    Attributes:
        dtype: The NumPy dtype.
    """

    __slots__ = ("dtype",)

    def __init__(self, name: object, align: object = False, copy: object = False):
        if type(name) is not str or name.lstrip("<>=|") not in _KINDS:
            raise UnsafePickleError(f"An array in the file must be of plain numbers. Received: type {shown(name)}")
        self.dtype = np.dtype(name)

    def set_state(self, state: object) -> None:
        # (version, byte order, sub-array, field names, fields, size, alignment, flags)
        plain = type(state) is tuple and len(state) in (8, 9) and state[2:5] == (None, None, None)
        if not plain or type(state[1]) is not str or state[1] not in _BYTE_ORDERS:
            raise UnsafePickleError(f"An array in the file must be of plain numbers. Received: type {shown(state)}")
        if state[1] != "|":
            self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray(Inert):
    """An array whose content is set after its creation, as in NumPy's own pickles.

    Attributes:
        array: The content, read-only; `None` until it is set.
    """

    __slots__ = ("array",)

    def __init__(self):
        self.array: np.ndarray | None = None

    def set_state(self, state: object) -> None:
        if self.array is not None or type(state) is not tuple or len(state) != 5:
            raise UnsafePickleError("The file sets the content of an array in a way that NumPy does not.")
        _, shape, dtype, is_fortran, content = state
        self.array = _make_array(content, dtype, shape, "F" if is_fortran else "C")


def array_of(value: object) -> np.ndarray:
    """Returns the array of a value in the pickle: a `PickledArray`, an array, or a number.

    Raises:
        UnsafePickleError: If the value contains no array.
    """
    array = value.array if isinstance(value, PickledArray) else value
    if isinstance(array, (np.ndarray, np.generic, float)) or type(array) is int:
        return np.asarray(array)
    raise UnsafePickleError(f"A value in the file must be an array. Received: {shown(value)}")


def _make_array(content: object, dtype: object, shape: object, order: str) -> np.ndarray:
    if isinstance(content, str):  # Python 2 wrote bytes as text.
        content = content.encode("latin-1")
    if not isinstance(dtype, PickledDtype) or not isinstance(content, (bytes, bytearray)):
        raise UnsafePickleError("The file contains an array whose content is not bytes of numbers.")
    if type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise UnsafePickleError(f"The file contains an array with the invalid shape {shown(shape)}.")
    expected = int(np.prod(shape, dtype=object)) * dtype.dtype.itemsize
    if expected != len(content):
        raise UnsafePickleError(
            f"An array of shape {shown(shape)} in the file must have {shown(expected)} bytes of content. "
            f"Received: {len(content)} bytes"
        )
    array = np.frombuffer(content, dtype.dtype).reshape(shape, order=order)
    array.flags.writeable = False
    return array


def _reconstruct(kind: object, shape: object, type_code: object) -> PickledArray:
    if kind is not _NDARRAY:
        raise UnsafePickleError("The file creates an array of a class that is not NumPy's.")
    return PickledArray()


def _scalar(dtype: object, content: object) -> np.generic:
    return _make_array(content, dtype, (), "C")[()]


def _frombuffer(content: object, dtype: object, shape: object, order: object, axes: object = None) -> PickledArray:
    """Protocol 5. With order "K", the array was written with its axes in memory order, which `axes` undoes."""
    result = PickledArray()
    result.array = _make_array(content, dtype, shape, "F" if order == "F" else "C")
    if axes is not None:
        if type(axes) is not tuple or not all(type(axis) is int for axis in axes):
            raise UnsafePickleError(f"The file contains an array with the invalid axes {shown(axes)}.")
        result.array = result.array.transpose(axes)
    return result


def _encode(text: object, encoding: object) -> bytes:
    """Returns the bytes in pickles of protocol 2, as Python 3 writes them."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError("The file contains bytes in an unknown encoding.")
    return text.encode("latin-1")


_NDARRAY = StandIn()
_ARRAY_FUNCTIONS = {"_reconstruct": StandIn(_reconstruct), "scalar": StandIn(_scalar)}

# NumPy 1 uses `core`, NumPy 2 `_core`.
NUMPY_NAMES: Mapping[str, object] = {
    "numpy ndarray": _NDARRAY,
    "numpy dtype": StandIn(PickledDtype),
    "_codecs encode": StandIn(_encode),
    **{
        f"numpy.{core}.multiarray {name}": stand_in
        for core in ("core", "_core")
        for name, stand_in in _ARRAY_FUNCTIONS.items()
    },
    **{f"numpy.{core}.numeric _frombuffer": StandIn(_frombuffer) for core in ("core", "_core")},
}
