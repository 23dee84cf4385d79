"""Writes PyTorch's files without PyTorch, by a pickler that speaks of torch's names."""

import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from unittest import mock

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
DTYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Byte": "u1", "Bool": "?"}


class Storage:
    """What a torch storage looks like to a pickler."""

    def __init__(self, data: np.ndarray, kind: str, key: str):
        self.data, self.kind, self.key = data, kind, key


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.arguments = (storage, offset, size, stride, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.storages = {}
        self.legacy = legacy

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        self.storages[value.key] = value
        kind = getattr(sys.modules["torch"], f"{value.kind}Storage")
        identity = ("storage", kind, value.key, "cpu", value.data.size)
        return (*identity, None) if self.legacy else identity


def dump(value, legacy):
    buffer = io.BytesIO()
    pickler = Pickler(buffer, legacy)
    pickler.dump(value)
    return buffer.getvalue(), pickler.storages


def write_legacy(path, value, value_pickle=None):
    content, storages = dump(value, legacy=True) if value_pickle is None else (value_pickle, {})
    with open(path, "wb") as file:
        for header in (MAGIC_NUMBER, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
            pickle.dump(header, file, 2)
        file.write(content)
        pickle.dump(sorted(storages), file, 2)
        for key in sorted(storages):
            file.write(struct.pack("<q", storages[key].data.size) + storages[key].data.tobytes())


def write_zip(path, value, value_pickle=None):
    content, storages = dump(value, legacy=False) if value_pickle is None else (value_pickle, {})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", content)
        archive.writestr("model/byteorder", "little")
        for key, storage in storages.items():
            archive.writestr(f"model/data/{key}", storage.data.tobytes())


def tensor(array, kind="Float", key="0"):
    """A contiguous tensor."""
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return Tensor(Storage(array.ravel(), kind, key), 0, array.shape, strides)


@contextlib.contextmanager
def torch_names():
    """Names that a pickler can write down. They do nothing, so a reader that called them would get `None`."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in [*DTYPES, "BFloat16"]:
        setattr(torch, f"{kind}Storage", type(f"{kind}Storage", (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*arguments):
        return None

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield torch


def write_state_dict(path, state, write=write_zip):
    """A state dict of float32 arrays, as `torch.save` writes it."""
    with torch_names():
        items = [
            (name, tensor(np.array(array, "<f4", order="C"), key=str(i)))
            for i, (name, array) in enumerate(state.items())
        ]
        write(path, OrderedDict(items))
    return path
