"""Reads PyTorch checkpoints as NumPy arrays, without PyTorch and without running anything in the file.

`RestrictedUnpickler` runs the pickles inside, with a list of names that stand for tensors and plain containers.
"""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.small_files import DAMAGES
from tfgan_suite.untrusted.file_kinds import describe_file
from tfgan_suite.untrusted.restricted_unpickler import RestrictedUnpickler, StandIn, UnsafePickleError, shown

_LEGACY_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL_VERSION = 1001
_MAX_DIMENSIONS = 32


def _rebuild_tensor(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_) -> np.ndarray:
    """Views `storage` [elements] as a tensor, after checking that the view stays inside it. Returns a copy."""
    if not isinstance(storage, np.ndarray) or storage.ndim != 1:
        raise UnsafePickleError("The checkpoint builds a tensor from something that is not a storage.")
    numbers = [offset, *size, *stride]
    few = len(size) == len(stride) <= _MAX_DIMENSIONS
    if not few or not all(type(number) is int and number >= 0 for number in numbers):
        raise UnsafePickleError(
            f"The checkpoint contains an invalid tensor of size {shown(size)}, stride {shown(stride)}, and offset "
            f"{shown(offset)}."
        )
    elements = int(np.prod(size, dtype=object))
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    if elements and (last >= len(storage) or elements > len(storage)):
        raise UnsafePickleError(
            f"The checkpoint contains a tensor of size {tuple(size)}, stride {tuple(stride)}, and offset {offset} "
            f"that does not fit in its storage of {len(storage)} elements."
        )
    if not elements:
        return np.zeros(size, storage.dtype)
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False).copy()


def ordered_dict(items: object = ()) -> dict:
    """Replaces `collections.OrderedDict`, which arrives empty, or, from Python 2, as a list of pairs."""
    if items == ():
        return {}
    if type(items) is not list or not all(
        type(pair) in (list, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in items
    ):
        raise UnsafePickleError("The checkpoint builds a dictionary from something other than pairs with names.")
    return dict(items)


def _size(numbers: object) -> tuple:
    if type(numbers) not in (list, tuple) or not all(type(number) is int for number in numbers):
        raise UnsafePickleError("The checkpoint contains a size that is not made of integers.")
    return tuple(numbers)


def rebuild_parameter(data: object, *_) -> np.ndarray:
    """Replaces PyTorch's parameters with the tensor itself."""
    if not isinstance(data, np.ndarray):
        raise UnsafePickleError("The checkpoint builds a parameter from something that is not a tensor.")
    return data


# All the names that a PyTorch file may use. A reader of other files passes its own, larger table to
# `RestrictedUnpickler`: {"module name": what replaces it}.
PYTORCH_NAMES: Mapping[str, object] = {
    "collections OrderedDict": StandIn(ordered_dict),
    "torch._utils _rebuild_tensor": StandIn(_rebuild_tensor),
    "torch._utils _rebuild_tensor_v2": StandIn(_rebuild_tensor),
    "torch._utils _rebuild_parameter": StandIn(rebuild_parameter),
    "torch Size": StandIn(_size),
    **{
        f"torch {name}Storage": StandIn(dtype=dtype)
        for name, dtype in {
            "Float": "<f4",
            "Double": "<f8",
            "Half": "<f2",
            "BFloat16": "bfloat16",  # NumPy has no bfloat16: it becomes float32, exactly.
            "Long": "<i8",
            "Int": "<i4",
            "Short": "<i2",
            "Char": "i1",
            "Byte": "u1",
            "Bool": "?",
        }.items()
    },
}


def read_pytorch_checkpoint(path: str | Path, names: Mapping[str, object] = PYTORCH_NAMES) -> Any:
    """Reads a `.pth` or `.pt` file: the saved nested dictionaries, with NumPy arrays for tensors.

    Both of PyTorch's formats are supported: the zip archive (since 1.6) and the older one of consecutive pickles. The
    tar format from before 0.1.10 is refused.

    Args:
        path: String or path. The file.
        names: Dict. The names that its pickles may use, see `RestrictedUnpickler`.

    Returns:
        The saved value; bfloat16 tensors become float32.

    Raises:
        UnsafePickleError: If the file is damaged, or contains anything but tensors in plain containers.
        UserError: If the file does not exist, or is of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"`path` must be a PyTorch checkpoint. Received: path={str(path)!r}, which does not exist.")
    if zipfile.is_zipfile(path):
        try:
            return _read_zip_format(path, names)
        except UserError:
            raise
        except DAMAGES as error:
            raise UnsafePickleError(f"The archive {str(path)!r} is damaged: {error}. Download it again.") from error
    with open(path, "rb") as file:
        if file.read(1) != b"\x80":
            raise UserError(f"`path` must be a PyTorch checkpoint. {str(path)!r} is {describe_file(path)}.")
        return read_legacy_format(file, names, repr(str(path)))


def read_pytorch_weights(path: str | Path, names: Mapping[str, object] = PYTORCH_NAMES) -> dict[str, np.ndarray]:
    """Reads the tensors of a `.pth` or `.pt` file as `{name: array}`.

    Tensors in nested dictionaries are named by the names of all levels, joined by `/`. Values that are not tensors
    (counters, settings) are left out; `read_pytorch_checkpoint` returns them too.

    Args:
        path: String or path. The file.
        names: Dict. The names that its pickles may use, see `RestrictedUnpickler`.

    Returns:
        Dict of arrays by name.

    Raises:
        UnsafePickleError: See `read_pytorch_checkpoint`.
        UserError: If the file does not exist, or contains no named tensors.
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
        raise UserError(f"{str(path)!r} must contain a dictionary of tensors. Received: {type(value).__name__}")
    return weights


def _read_zip_format(path: Path, names: Mapping[str, object]) -> Any:
    """Reads the format since PyTorch 1.6: `NAME/data.pkl` and one uncompressed file `NAME/data/KEY` per storage."""
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if not pickles:
            raise UserError(f"`path` must be a PyTorch checkpoint. {str(path)!r} is {describe_file(path)}.")
        if len(pickles) != 1:
            raise UnsafePickleError(f"The archive {str(path)!r} must contain one data.pkl. Received: {len(pickles)}")
        root = pickles[0].split("/")[0]
        if f"{root}/byteorder" in archive.namelist() and archive.read(f"{root}/byteorder") != b"little":
            raise UnsafePickleError(f"{str(path)!r} was written on a big-endian machine, which is not supported.")
        if sum(entry.file_size for entry in archive.infolist()) > 2 * path.stat().st_size + 1024:
            raise UnsafePickleError(
                f"{str(path)!r} unpacks to far more than its own size, but PyTorch does not compress its files."
            )
        storages: dict[str, np.ndarray] = {}

        def load_storage(persistent_id: object) -> np.ndarray:
            dtype, key, count = _check_storage_id(persistent_id)
            if key not in storages:
                entry = f"{root}/data/{key}"
                if entry not in archive.namelist():
                    raise UnsafePickleError(
                        f"The checkpoint refers to the storage {key!r}, which is missing from the archive."
                    )
                storages[key] = _as_array(archive.read(entry), dtype, count)
            return storages[key]

        return RestrictedUnpickler(
            io.BytesIO(archive.read(pickles[0])), names, load_storage, path.stat().st_size
        ).load()


def read_legacy_format(file: io.BufferedIOBase, names: Mapping[str, object], where: str) -> Any:
    """Reads PyTorch's format before 1.6: pickles of magic number, version, system, value, and storage keys; storages.

    Args:
        file: A seekable binary file, at its start.
        names: Dict. The names that its pickles may use, see `RestrictedUnpickler`.
        where: String. What error messages call the file.

    Returns:
        The saved value.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        magic_number = RestrictedUnpickler(file, {}).load()
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{where} is not a PyTorch checkpoint: {error}") from error
    if magic_number != _LEGACY_MAGIC_NUMBER:
        raise UnsafePickleError(f"{where} is not a PyTorch checkpoint: it starts with another pickle.")
    version, system = (RestrictedUnpickler(file, {}).load() for _ in range(2))
    if version != _LEGACY_PROTOCOL_VERSION or not isinstance(system, dict) or not system.get("little_endian"):
        raise UnsafePickleError(
            f"{where} has an unknown version ({shown(version)}) or system description ({shown(system)})."
        )
    # The storages follow the value that refers to them, so the value is run twice: first to learn what it refers to
    # (with placeholders of the declared sizes, together no larger than the file), then with the data.
    value_start = file.tell()
    wanted: dict[str, tuple[str, int]] = {}
    placeholders: dict[str, np.ndarray] = {}

    def note_storage(persistent_id: object) -> np.ndarray:
        dtype, key, count = _check_storage_id(persistent_id)
        if wanted.setdefault(key, (dtype, count)) != (dtype, count):
            raise UnsafePickleError(f"The checkpoint describes the storage {shown(key)} in two ways.")
        if key not in placeholders:
            if count + sum(map(len, placeholders.values())) > size_bytes:
                raise UnsafePickleError(
                    f"The checkpoint declares a storage of {count} elements, more than the file contains."
                )
            placeholders[key] = np.zeros(count, "u1")
        return placeholders[key]

    RestrictedUnpickler(file, names, note_storage).load()
    placeholders.clear()
    keys = RestrictedUnpickler(file, {}).load()
    if type(keys) is not list or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(wanted):
        raise UnsafePickleError(f"The list of storages in {where} does not match the references of its tensors.")
    storages = {}
    for key in keys:
        dtype, count = wanted[key]
        if int.from_bytes(file.read(8), "little") != count:
            raise UnsafePickleError(f"The storage {shown(key)} in {where} does not have the declared {count} elements.")
        storages[key] = _as_array(file.read(count * _item_bytes(dtype)), dtype, count)
    file.seek(value_start)
    return RestrictedUnpickler(file, names, lambda persistent_id: storages[persistent_id[2]]).load()


def _check_storage_id(persistent_id: object) -> tuple[str, str, int]:
    """Splits PyTorch's `("storage", type, key, location, count[, view])` into dtype, key, and count."""
    if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6) or persistent_id[0] != "storage":
        raise UnsafePickleError(f"A persistent id must refer to a storage. Received: {shown(persistent_id)}")
    _, storage_type, key, _, count = persistent_id[:5]
    if not isinstance(storage_type, StandIn) or storage_type.dtype is None:
        raise UnsafePickleError(f"The checkpoint refers to a storage of an unknown type: {shown(storage_type)}.")
    if not isinstance(key, str) or type(count) is not int or count < 0 or persistent_id[5:] not in ((), (None,)):
        raise UnsafePickleError(f"The checkpoint contains a malformed reference to a storage: {shown(persistent_id)}.")
    return storage_type.dtype, key, count


def _item_bytes(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _as_array(data: bytes, dtype: str, count: int) -> np.ndarray:
    """Reads `count` elements from `data`."""
    if len(data) != count * _item_bytes(dtype):
        raise UnsafePickleError(
            f"A storage must have {count * _item_bytes(dtype)} bytes. Received: {len(data)} bytes. The file is "
            "truncated or damaged. Download it again."
        )
    if dtype == "bfloat16":  # The upper half of a float32.
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, dtype)
