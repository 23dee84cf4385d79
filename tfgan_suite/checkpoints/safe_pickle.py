"""Reads PyTorch checkpoints as NumPy arrays: without PyTorch, and without running anything that the file says.

A pickle is a program. This reader looks at the whole program before it runs a step of it, refuses every instruction and
every name that is not on a list, and puts inert stand-ins of its own in the place of the names that are.
"""

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.errors import UserError

# Instructions that only build plain values, call a listed name (REDUCE), or fill in the state of a value (BUILD).
# Left out on purpose: INST and OBJ (protocol 0 calls), EXT* (names by number), PERSID (text ids), out-of-band buffers.
ALLOWED_OPCODES = frozenset(
    "PROTO STOP FRAME MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 "
    "EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET "
    "ADDITEMS FROZENSET GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD "
    "BINPERSID".split()
)
_LEGACY_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL_VERSION = 1001


class UnsafePickleError(UserError):
    """A checkpoint asks for something that this reader does not do. Nothing of what it asked for was run."""


class StandIn:
    """What an allowed name in a pickle becomes: callable, and impossible to alter from within the pickle.

    Args:
        function: Called with the arguments that the pickle gives. `None`: the name may be mentioned, not called.
        dtype: For storage types, the NumPy dtype (little-endian) of their elements.
    """

    __slots__ = ("_function", "dtype")  # No `__dict__`: the BUILD instruction has nothing to write into.

    def __init__(self, function: Callable | None = None, dtype: str | None = None):
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "dtype", dtype)

    def __setattr__(self, name, value):
        raise UnsafePickleError(f"The checkpoint tries to change the attribute {name!r} of an allowed name.")

    def __call__(self, *arguments):
        if self._function is None:
            raise UnsafePickleError("The checkpoint calls a name that may only be mentioned.")
        return self._function(*arguments)


def _rebuild_tensor(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_) -> np.ndarray:
    """Views `storage` [elements] as a tensor, after checking that the view stays inside it. Returns a copy."""
    if not isinstance(storage, np.ndarray) or storage.ndim != 1:
        raise UnsafePickleError("The checkpoint builds a tensor out of something that is not a storage.")
    numbers = [offset, *size, *stride]
    if len(size) != len(stride) or not all(type(number) is int and number >= 0 for number in numbers):
        raise UnsafePickleError(
            f"The checkpoint holds a tensor of size {size} with stride {stride} at offset {offset}."
        )
    elements = int(np.prod(size, dtype=object))
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    if elements and (last >= len(storage) or elements > len(storage)):
        raise UnsafePickleError(
            f"The checkpoint holds a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset} "
            f"in a storage of {len(storage)} elements, which it does not fit."
        )
    if not elements:
        return np.zeros(size, storage.dtype)
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False).copy()


# Everything that a PyTorch file may name. A reader of other files passes a larger table of its own to
# `RestrictedUnpickler`: {"module name": what it becomes}.
PYTORCH_NAMES: Mapping[str, object] = {
    "collections OrderedDict": OrderedDict,
    "torch._utils _rebuild_tensor": StandIn(_rebuild_tensor),
    "torch._utils _rebuild_tensor_v2": StandIn(_rebuild_tensor),
    "torch._utils _rebuild_parameter": StandIn(lambda data, requires_grad, hooks: data),
    "torch Size": StandIn(tuple),
    **{
        f"torch {name}Storage": StandIn(dtype=dtype)
        for name, dtype in {
            "Float": "<f4",
            "Double": "<f8",
            "Half": "<f2",
            "BFloat16": "bfloat16",  # NumPy has none: becomes float32, exactly.
            "Long": "<i8",
            "Int": "<i4",
            "Short": "<i2",
            "Char": "i1",
            "Byte": "u1",
            "Bool": "?",
        }.items()
    },
}


class RestrictedUnpickler(pickle.Unpickler):
    """Runs one pickle with a closed list of instructions and names.

    Args:
        file: A seekable binary file at the beginning of the pickle. After `load` it stands right behind it.
        names: What the pickle may name, `{"module name": object}`; the object takes the name's place.
        persistent_load: Called with each persistent id (PyTorch's references to storages); `None` refuses them.

    Raises:
        UnsafePickleError: The pickle holds an instruction or a name that is not allowed (the message says which),
            or is damaged. The pickle is read to its end before it runs, so a late refusal leaves nothing half done.

    Example:

    >>> import io, pickle
    >>> RestrictedUnpickler(io.BytesIO(pickle.dumps({"a": [1, 2]})), names={}).load()
    {'a': [1, 2]}
    """

    def __init__(self, file: io.BufferedIOBase, names: Mapping[str, object], persistent_load: Callable | None = None):
        start = file.tell()
        _check_instructions(file, names)
        file.seek(start)
        super().__init__(file)
        self._names = names
        self._resolve_persistent_id = persistent_load

    def find_class(self, module: str, name: str) -> object:
        if f"{module} {name}" not in self._names:
            raise _refused_name(f"{module}.{name}")
        return self._names[f"{module} {name}"]

    def persistent_load(self, persistent_id: object) -> object:
        if self._resolve_persistent_id is None:
            raise UnsafePickleError("The pickle refers to data outside itself, which is not expected here.")
        return self._resolve_persistent_id(persistent_id)

    def load(self) -> Any:
        try:
            return super().load()
        except UserError:
            raise
        except Exception as error:  # A damaged pickle can fail in any way at all; it has run nothing but the list.
            raise UnsafePickleError(f"The pickle is damaged or malformed: {type(error).__name__}: {error}") from error


def _refused_name(name: str) -> UnsafePickleError:
    return UnsafePickleError(
        f"The file asks to import {name!r}, which is not on the list of allowed names. It was refused and nothing was run. "
        "Only load weights from files that hold nothing but tensors."
    )


def _check_instructions(file: io.BufferedIOBase, names: Mapping[str, object]) -> None:
    """Walks through the pickle without running it."""
    memory_slots = 0
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name not in ALLOWED_OPCODES:
                raise UnsafePickleError(
                    f"The pickle holds the instruction {opcode.name}, which is refused. Nothing was run."
                )
            if opcode.name == "GLOBAL" and argument not in names:
                raise _refused_name(argument.replace(" ", "."))
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                # The C reader allocates as many slots as the largest index: 2**31 of them would take 32 GB.
                memory_slots += 1
                if argument > 2 * memory_slots + 1024:
                    raise UnsafePickleError(f"The pickle stores value {argument} as number {memory_slots}: refused.")
    except UserError:
        raise
    except Exception as error:  # As above: `pickletools` meets arbitrary bytes.
        raise UnsafePickleError(f"The pickle is damaged or malformed: {type(error).__name__}: {error}") from error


def read_pytorch_checkpoint(path: str | Path, names: Mapping[str, object] = PYTORCH_NAMES) -> Any:
    """Reads a `.pth`/`.pt` file: the nested dictionaries that were saved, with NumPy arrays for tensors.

    Both of PyTorch's formats are read: the zip archive (since 1.6) and the older one of consecutive pickles. The tar
    format from before 0.1.10 is refused.

    Args:
        path: The file.
        names: What its pickles may name, see `RestrictedUnpickler`.

    Returns:
        The saved value; bfloat16 tensors become float32.

    Raises:
        UnsafePickleError: The file asks for anything else than tensors in plain containers, or is damaged.
        UserError: There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"Expected a PyTorch checkpoint file. Received: {str(path)!r}, which does not exist.")
    if zipfile.is_zipfile(path):
        return _read_zip_format(path, names)
    return _read_legacy_format(path, names)


def read_pytorch_weights(path: str | Path, names: Mapping[str, object] = PYTORCH_NAMES) -> dict[str, np.ndarray]:
    """Reads the tensors of a `.pth`/`.pt` file as `{name: array}`.

    Tensors in nested dictionaries get the names of all levels joined by `/`. Values that are not tensors (counters,
    settings) are left out; `read_pytorch_checkpoint` returns those as well.

    Raises:
        UnsafePickleError: See `read_pytorch_checkpoint`.
        UserError: There is no such file, or it holds no tensors by name.
    """
    weights: dict[str, np.ndarray] = {}
    levels = [("", read_pytorch_checkpoint(path, names))]
    while levels:
        prefix, value = levels.pop()
        if isinstance(value, np.ndarray):
            weights[prefix] = value
        elif isinstance(value, Mapping):
            levels += [(f"{prefix}/{key}" if prefix else str(key), value[key]) for key in reversed(value)]
    if not weights or "" in weights:
        raise UserError(f"Expected a dictionary of tensors in {str(path)!r}. Received: {type(value).__name__}.")
    return weights


def _read_zip_format(path: Path, names: Mapping[str, object]) -> Any:
    """Format since PyTorch 1.6: `NAME/data.pkl` and one uncompressed file `NAME/data/KEY` for each storage."""
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UnsafePickleError(f"Expected one data.pkl in the archive {str(path)!r}. Received: {len(pickles)}.")
        root = pickles[0].split("/")[0]
        if f"{root}/byteorder" in archive.namelist() and archive.read(f"{root}/byteorder") != b"little":
            raise UnsafePickleError(f"{str(path)!r} was written on a big-endian machine, which is not supported.")
        if sum(entry.file_size for entry in archive.infolist()) > 2 * path.stat().st_size + 1024:
            raise UnsafePickleError(
                f"{str(path)!r} unpacks to far more than its own size; PyTorch stores uncompressed."
            )
        storages: dict[str, np.ndarray] = {}

        def load_storage(persistent_id: object) -> np.ndarray:
            dtype, key, count = _check_storage_id(persistent_id)
            if key not in storages:
                entry = f"{root}/data/{key}"
                if entry not in archive.namelist():
                    raise UnsafePickleError(f"The checkpoint refers to the storage {key!r}, which the archive lacks.")
                storages[key] = _as_array(archive.read(entry), dtype, count)
            return storages[key]

        return RestrictedUnpickler(io.BytesIO(archive.read(pickles[0])), names, load_storage).load()


def _read_legacy_format(path: Path, names: Mapping[str, object]) -> Any:
    """Format before PyTorch 1.6: pickles of magic number, version, system, value, storage keys; then the storages."""
    with open(path, "rb") as file:
        try:
            magic_number = RestrictedUnpickler(file, {}).load()
        except UnsafePickleError as error:
            raise UnsafePickleError(f"{str(path)!r} is not a PyTorch checkpoint: {error}") from error
        if magic_number != _LEGACY_MAGIC_NUMBER:
            raise UnsafePickleError(f"{str(path)!r} is not a PyTorch checkpoint: it begins with another pickle.")
        version, system = (RestrictedUnpickler(file, {}).load() for _ in range(2))
        if version != _LEGACY_PROTOCOL_VERSION or not isinstance(system, dict) or not system.get("little_endian"):
            raise UnsafePickleError(
                f"{str(path)!r} has an unknown version ({version}) or system description ({system})."
            )
        # The storages come behind the value that refers to them, so the value is run twice: first to learn what it
        # refers to (empty storages would not pass the checks, so each is as large as it says, up to the file), then
        # with the data.
        value_start = file.tell()
        wanted: dict[str, tuple[str, int]] = {}
        size_limit_bytes = path.stat().st_size

        def note_storage(persistent_id: object) -> np.ndarray:
            dtype, key, count = _check_storage_id(persistent_id)
            if count > size_limit_bytes:
                raise UnsafePickleError(
                    f"The checkpoint claims a storage of {count} elements, more than the file holds."
                )
            wanted[key] = dtype, count
            return np.zeros(count, "u1")

        RestrictedUnpickler(file, names, note_storage).load()
        keys = RestrictedUnpickler(file, {}).load()
        if not isinstance(keys, list) or set(keys) != set(wanted):
            raise UnsafePickleError(f"The list of storages in {str(path)!r} does not match what its tensors refer to.")
        storages = {}
        for key in keys:
            dtype, count = wanted[key]
            if int.from_bytes(file.read(8), "little") != count:
                raise UnsafePickleError(
                    f"The storage {key!r} in {str(path)!r} does not have the stated {count} elements."
                )
            storages[key] = _as_array(file.read(count * _item_bytes(dtype)), dtype, count)
        file.seek(value_start)
        return RestrictedUnpickler(file, names, lambda persistent_id: storages[persistent_id[2]]).load()


def _check_storage_id(persistent_id: object) -> tuple[str, str, int]:
    """Takes PyTorch's `("storage", type, key, location, count[, view])` apart into dtype, key and count."""
    if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6) or persistent_id[0] != "storage":
        raise UnsafePickleError(f"Expected a reference to a storage. Received: {persistent_id!r}.")
    _, storage_type, key, _, count = persistent_id[:5]
    if not isinstance(storage_type, StandIn) or storage_type.dtype is None:
        raise UnsafePickleError(f"The checkpoint refers to a storage of an unknown type: {storage_type!r}.")
    if not isinstance(key, str) or type(count) is not int or count < 0 or persistent_id[5:] not in ((), (None,)):
        raise UnsafePickleError(f"The checkpoint holds a malformed reference to a storage: {persistent_id!r}.")
    return storage_type.dtype, key, count


def _item_bytes(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _as_array(data: bytes, dtype: str, count: int) -> np.ndarray:
    """Reads `count` elements out of `data`."""
    if len(data) != count * _item_bytes(dtype):
        raise UnsafePickleError(
            f"Expected a storage of {count * _item_bytes(dtype)} bytes. Received: {len(data)}. The file is truncated or damaged."
        )
    if dtype == "bfloat16":  # The upper half of a float32.
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, dtype)
