"""Reads NVIDIA's network pickles as names, numbers, and arrays, without TensorFlow 1, PyTorch, or NVIDIA's code.

These files contain the source code of the networks, which the original programs execute when they load a file. Here,
the source is discarded unread; what remains are the weights by name and the settings that the networks were built with.
"""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.untrusted.file_kinds import describe_file
from tfgan_suite.untrusted.numpy_names import NUMPY_NAMES, PickledArray, array_of
from tfgan_suite.untrusted.restricted_unpickler import Inert, RestrictedUnpickler, StandIn, UnsafePickleError, shown
from tfgan_suite.untrusted.safe_pickle import PYTORCH_NAMES, ordered_dict, read_legacy_format, rebuild_parameter

_MAX_PARTS = 2000  # Per network; the largest official ones have about 200.
_MAX_VARIABLES = 20_000
_MAX_DEPTH = 16
_MAX_SETTINGS = 20_000
_MAX_TEXT = 1000
_MAX_UNPACKED = 4  # Bytes of weights per byte of the file; in official files, every array occurs once.
_SKIP = object()


@dataclasses.dataclass(frozen=True)
class NetworkRecord:
    """One network of a file.

    Attributes:
        format: String, one of `"tensorflow"` or `"pytorch"`.
        class_name: String. The function (TensorFlow) or class (PyTorch) that built the network, such as `"G_main"` or
            `"Generator"`.
        variables: Dict. Arrays by full name: `"synthesis/4x4/Const/const"` or `"synthesis.b4.const"`.
        settings: Dict. Plain values by the path of the part they belong to; `""` is the network itself. TensorFlow: the
            keyword arguments of the part. PyTorch: the attributes of each module.
    """

    format: str
    class_name: str
    variables: dict[str, np.ndarray]
    settings: dict[str, dict[str, Any]]

    def setting(self, part: str, name: str, default: Any = None) -> Any:
        """Returns the setting of a part, or else of the network, or else `default`."""
        for path in (part, ""):
            if name in self.settings.get(path, {}):
                return self.settings[path][name]
        return default


@dataclasses.dataclass(frozen=True)
class NetworkPickle:
    """The contents of a file.

    Attributes:
        format: String, one of `"tensorflow"` or `"pytorch"`.
        generator: The generator as trained; `None` if the file has none.
        discriminator: The discriminator; `None` if the file has none.
        averaged_generator: The generator to sample from: `Gs` or `G_ema`.
        training_set: Dict. What a PyTorch file says about its data, as plain values.
    """

    format: str
    generator: NetworkRecord | None
    discriminator: NetworkRecord | None
    averaged_generator: NetworkRecord
    training_set: dict[str, Any]


class _TensorFlowNetwork(Inert):
    """Replaces `dnnlib.tflib.network.Network`: its state without the source code."""

    __slots__ = ("state",)

    def __init__(self):
        self.state = None

    def set_state(self, state: object) -> None:
        if self.state is not None or type(state) is not dict:
            raise UnsafePickleError("The file sets the state of a network in a way that the original programs do not.")
        self.state = {name: value for name, value in state.items() if name != "build_module_src"}


class _Module:
    """Replaces a module rebuilt by `torch_utils.persistence`: its state without the source code."""

    __slots__ = ("class_name", "state")

    def __init__(self, meta: object):
        expected = {"type": str, "class_name": str, "state": dict}
        if type(meta) is not dict or not all(type(meta.get(name)) is kind for name, kind in expected.items()):
            raise UnsafePickleError("The file describes a module in a way that the original programs do not.")
        if meta["type"] != "class":
            raise UnsafePickleError(f"A persistent object in the file must be a class. Received: {shown(meta['type'])}")
        self.class_name = meta["class_name"]
        self.state = meta["state"]


def _storage(content: object) -> np.ndarray:
    """Replaces `torch.storage._load_from_bytes`: reads a whole PyTorch file inside the pickle, of one storage."""
    if not isinstance(content, (bytes, bytearray)):
        raise UnsafePickleError("The file contains a tensor whose content is not bytes.")
    storage = read_legacy_format(io.BytesIO(content), PYTORCH_NAMES, "A tensor in the file")
    if not isinstance(storage, np.ndarray) or storage.ndim != 1:
        raise UnsafePickleError(f"A tensor inside the file must contain one storage. Received: {shown(storage)}")
    return storage


def _set(items: object = ()) -> set:
    if type(items) not in (list, tuple) or not all(type(item) in (str, int) for item in items):
        raise UnsafePickleError("The file contains a set of something other than names and numbers.")
    return set(items)


_NETWORK = StandIn(_TensorFlowNetwork)
# All the names that these files may use.
NETWORK_NAMES: Mapping[str, object] = {
    **PYTORCH_NAMES,
    **NUMPY_NAMES,
    "dnnlib.tflib.network Network": _NETWORK,
    "tfutil Network": _NETWORK,  # ProGAN
    "network Network": _NETWORK,
    "dnnlib.util EasyDict": StandIn(ordered_dict),
    "torch_utils.persistence _reconstruct_persistent_obj": StandIn(_Module),
    "torch.storage _load_from_bytes": StandIn(_storage),
    "torch.nn.parameter Parameter": StandIn(rebuild_parameter),
    "builtins set": StandIn(_set),
    "__builtin__ set": StandIn(_set),
}


def read_network_pickle(path: str | Path) -> NetworkPickle:
    """Reads the networks of a `.pkl` file written by NVIDIA's programs, or by others in the same format.

    Two formats are supported: the tuple `(G, D, Gs)` of ProGAN, StyleGAN, StyleGAN2, and StyleGAN2-ADA for TensorFlow,
    and the dictionary with `G`, `D`, `G_ema` of StyleGAN2-ADA and StyleGAN3 for PyTorch.

    Args:
        path: String or path. The file.

    Returns:
        A `NetworkPickle` with the weights and settings of the networks. Arrays are read-only and may share the memory
        of the file's content.

    Raises:
        UnsafePickleError: If the file is damaged, or uses a name that is not in `NETWORK_NAMES`.
        UserError: If the file does not exist, or has other contents.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"`path` must be a network pickle. Received: path={str(path)!r}, which is not a file.")
    with open(path, "rb") as file:
        if file.read(1) != b"\x80":
            raise UserError(
                f"`path` must be a network pickle. Received: path={str(path)!r}, which is not a pickle of protocol 2 "
                f"or later. It is {describe_file(path)}."
            )
        file.seek(0)
        content = RestrictedUnpickler(file, NETWORK_NAMES).load()
    networks = _find_networks(content, path)
    arrays = [array for network in networks.values() if network for array in network.variables.values()]
    if sum(array.nbytes for array in arrays) > _MAX_UNPACKED * path.stat().st_size:
        raise UnsafePickleError(f"The weights in {str(path)!r} are far larger than the file. The file was rejected.")
    training_set = content.get("training_set_kwargs") if type(content) is dict else None
    return NetworkPickle(
        networks["averaged_generator"].format, training_set=_plain_dict(training_set, [_MAX_SETTINGS]), **networks
    )


def _find_networks(content: object, path: Path) -> dict[str, NetworkRecord | None]:
    names = ("generator", "discriminator", "averaged_generator")
    if type(content) is tuple and len(content) == 3 and all(isinstance(item, _TensorFlowNetwork) for item in content):
        return dict(zip(names, map(_flatten_network, content), strict=True))
    if type(content) is dict and isinstance(content.get("G_ema"), _Module):
        modules = [content.get(name) for name in ("G", "D", "G_ema")]
        if not all(isinstance(module, (_Module, type(None))) for module in modules):
            raise UserError(f"'G' and 'D' in {str(path)!r} must be modules. Received: {shown(modules)}")
        return {name: module and _flatten_module(module) for name, module in zip(names, modules, strict=True)}
    raise UserError(
        f"{str(path)!r} must contain three networks (G, D, Gs), or a dictionary with the module 'G_ema'. "
        f"Received: {_describe(content)}."
    )


def _describe(content: object) -> str:
    if isinstance(content, (tuple, list)):
        return f"{len(content)} values, the first a {type(content[0]).__name__}" if content else "no values"
    if isinstance(content, dict):
        return f"a dictionary with {shown(list(content))}"
    return f"a {type(content).__name__}"


# === TensorFlow ===


def _flatten_network(network: _TensorFlowNetwork) -> NetworkRecord:
    variables: dict[str, np.ndarray] = {}
    settings: dict[str, dict] = {}
    pending = [("", network, 0)]
    budget = [_MAX_SETTINGS]
    while pending:
        path, part, depth = pending.pop()
        if not isinstance(part, _TensorFlowNetwork) or part.state is None:
            raise UnsafePickleError(f"The part {shown(path)} must be a network. Received: {shown(part)}")
        _check_parts(settings, path, depth)
        state = part.state
        settings[path] = _plain_dict(state.get("static_kwargs"), budget)
        listed = state.get("variables")
        if type(listed) is not list:
            raise UserError(f"The variables of a network must be a list. Received: {shown(listed)}")
        for entry in listed:
            if type(entry) is not tuple or len(entry) != 2 or type(entry[0]) is not str:
                raise UserError(f"A variable must be a tuple (name, array). Received: {shown(entry)}")
            _put(variables, _join(path, entry[0], "/"), array_of(entry[1]))
        for name, component in _children(state.get("components")):
            pending.append((_join(path, name, "/"), component, depth + 1))
    function = network.state.get("build_func_name")
    return NetworkRecord("tensorflow", function if type(function) is str else "", variables, settings)


# === PyTorch ===


def _flatten_module(module: _Module) -> NetworkRecord:
    """Flattens a module, with the names of `state_dict()`."""
    variables: dict[str, np.ndarray] = {}
    settings: dict[str, dict] = {}
    pending = [("", module, 0)]
    budget = [_MAX_SETTINGS]
    while pending:
        path, part, depth = pending.pop()
        if not isinstance(part, _Module):
            raise UnsafePickleError(f"The part {shown(path)} must be a module. Received: {shown(part)}")
        _check_parts(settings, path, depth)
        state = part.state
        settings[path] = _plain_dict(
            {name: value for name, value in state.items() if type(name) is str and not name.startswith("_")}, budget
        )
        settings[path]["class_name"] = part.class_name
        transient = state.get("_non_persistent_buffers_set")
        for group in ("_parameters", "_buffers"):
            for name, value in _children(state.get(group)):
                if value is not None and not (type(transient) is set and name in transient):
                    _put(variables, _join(path, name, "."), array_of(value))
        for name, child in _children(state.get("_modules")):
            if child is not None:
                pending.append((_join(path, name, "."), child, depth + 1))
    return NetworkRecord("pytorch", module.class_name, variables, settings)


# === Both ===


def _check_parts(settings: Mapping[str, dict], path: str, depth: int) -> None:
    """Raises for a hostile file, in which parts may contain each other, or one part may occur in many."""
    if path in settings or depth > _MAX_DEPTH or len(settings) >= _MAX_PARTS:
        raise UnsafePickleError(f"The network in the file has too many nested parts, such as {shown(path)}.")


def _children(group: object) -> list[tuple[str, Any]]:
    if group is None:
        return []
    if type(group) is not dict or not all(type(name) is str for name in group):
        raise UserError(f"The parts of a network must be a dictionary by name. Received: {shown(group)}")
    return list(group.items())


def _put(variables: dict[str, np.ndarray], name: str, array: np.ndarray) -> None:
    if name in variables:
        raise UserError(f"The network in the file has two variables named {shown(name)}.")
    if len(variables) >= _MAX_VARIABLES:
        raise UnsafePickleError(f"A network in the file has more than {_MAX_VARIABLES:,} variables.")
    variables[name] = array


def _join(path: str, name: str, separator: str) -> str:
    return f"{path}{separator}{name}" if path else name


def _plain_dict(value: object, budget: list[int]) -> dict[str, Any]:
    plain = _plain(value, budget)
    return plain if type(plain) is dict else {}


def _plain(value: object, budget: list[int], depth: int = 0) -> Any:
    """Returns plain values of settings, and `_SKIP` for anything else. `budget` counts down over one network."""
    budget[0] -= 1
    if budget[0] < 0 or depth > _MAX_DEPTH:
        raise UnsafePickleError("The network in the file has more settings than any network needs.")
    if isinstance(value, PickledArray):
        value = value.array
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist() if value.size <= 64 else _SKIP
    if type(value) in (bool, int, float, type(None)) or type(value) is str and len(value) <= _MAX_TEXT:
        return value
    if type(value) in (list, tuple):
        items = [_plain(item, budget, depth + 1) for item in value]
        return _SKIP if any(item is _SKIP for item in items) else items
    if type(value) is dict:
        items = {name: _plain(item, budget, depth + 1) for name, item in value.items() if type(name) is str}
        return {name: item for name, item in items.items() if item is not _SKIP}
    return _SKIP
