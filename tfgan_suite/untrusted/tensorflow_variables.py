"""Reads the variables of TensorFlow checkpoints, SavedModels, and TF1 modules by name, without running their graphs."""

import dataclasses
import re
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.small_files import DAMAGES
from tfgan_suite.untrusted.file_kinds import describe_file
from tfgan_suite.untrusted.restricted_unpickler import shown

_MAX_DEPTH = 16  # Nesting of the operations that build a constant.
_OBJECT_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclasses.dataclass(frozen=True)
class TensorFlowVariables:
    """The contents of a checkpoint.

    Attributes:
        variables: Dict. Arrays by name, without a leading `module/` or a trailing `:0`.
        stacks: Dict. Constants of the graph built by `tf.stack`, by number. BigGAN-deep stores tables in this form.
    """

    variables: dict[str, np.ndarray]
    stacks: dict[int, np.ndarray]


def read_tensorflow_variables(path: str | Path) -> TensorFlowVariables:
    """Reads variables by name. No operation of a graph is run, and nothing is unpickled.

    Args:
        path: String or path. One of: the directory of a SavedModel or TF1 module (`saved_model.pb` and `variables/`); a
            checkpoint, given as its directory, its `.index` file, or their common prefix; an `.npz` of arrays by
            variable name.

    Returns:
        The `TensorFlowVariables`.

    Raises:
        UserError: If the path is none of these, or is damaged.

    Example:

    >>> sorted(read_tensorflow_variables("biggan-deep-128_1").variables)[:2]
    ['Generator/BatchNorm/offset/ema_0.9999', 'Generator/BatchNorm/scale/ema_0.9999']
    """
    path = Path(path)
    graph = path / "saved_model.pb"
    if path.is_file() and path.suffix == ".npz":
        arrays, stacks = _read_npz(path), {}
    else:
        arrays = _read_checkpoint(_find_prefix(path), path)
        stacks = _read_stacks(graph) if graph.is_file() else {}
    variables = {}
    for name, array in arrays.items():
        name = re.sub(r"^module(_\d+)?/|:0$", "", name)
        number = _stack_number(name)
        if number is not None:
            stacks[number] = array
        elif name in variables:
            raise UserError(f"{str(path)!r} contains two variables named {shown(name)}.")
        else:
            variables[name] = array
    return TensorFlowVariables(variables, stacks)


def _stack_number(name: str) -> int | None:
    match = re.fullmatch(r"(?:.*/)?stack_(\d{1,6})", name)
    return int(match[1]) if match else None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except DAMAGES as error:
        detail = f" ({error})" if zipfile.is_zipfile(path) else ""
        raise UserError(
            f"`path` must be an intact .npz of arrays by name, without pickles. {str(path)!r} is "
            f"{describe_file(path)}{detail}."
        ) from error


# === Checkpoints ===


def _find_prefix(path: Path) -> str:
    """Returns the path of a checkpoint without `.index`."""
    if path.is_dir():
        for directory in (path / "variables", path):
            indices = sorted(directory.glob("*.index"))
            latest = tf.train.latest_checkpoint(str(directory))
            if latest or len(indices) == 1:
                return latest or str(indices[0].with_suffix(""))
            if indices:
                raise UserError(
                    f"{str(directory)!r} must contain one checkpoint. Received: "
                    f"{', '.join(index.stem for index in indices)}. Pass the path of one of them."
                )
        raise UserError(
            f"`path` must be the directory of a module or a checkpoint, with saved_model.pb and variables/, or "
            f"*.index. {str(path)!r} has neither."
        )
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not prefix.with_name(prefix.name + ".index").is_file():
        raise UserError(
            f"`path` must be the directory of a module, a TensorFlow checkpoint, or an .npz. {str(path)!r} is "
            f"{describe_file(path)}."
        )
    return str(prefix)


def _read_checkpoint(prefix: str, path: Path) -> dict[str, np.ndarray]:
    try:
        reader = tf.train.load_checkpoint(prefix)
        keys = [key for key in reader.get_variable_to_shape_map() if key != "_CHECKPOINTABLE_OBJECT_GRAPH"]
        return {_variable_name(key): reader.get_tensor(key) for key in keys}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:  # The last occurs for a truncated file.
        text = " ".join(str(error).split())[:300]
        raise UserError(
            f"The checkpoint in {str(path)!r} is damaged or incomplete. Download it again. {text}"
        ) from error


def _variable_name(key: str) -> str:
    """Returns the name that a dictionary of variables had in `tf.train.Checkpoint`; other keys are already names."""
    if not key.endswith(_OBJECT_SUFFIX):
        return key
    last = key.removesuffix(_OBJECT_SUFFIX).rsplit("/", 1)[-1]
    return last.replace(".S", "/").replace("..", ".")


# === Constants of a graph ===


def _read_stacks(path: Path) -> dict[int, np.ndarray]:
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except DecodeError as error:
        raise UserError(f"{str(path)!r} must be the graph of a SavedModel. It is {describe_file(path)}.") from error
    for meta_graph in saved_model.meta_graphs:
        nodes = {node.name: node for node in meta_graph.graph_def.node}
        numbers = {name: _stack_number(name) for name in nodes}
        stacks = {}
        for name, number in numbers.items():
            array = None if number is None else _constant(name, nodes)
            if array is not None and array.dtype.kind == "f" and array.ndim == 2:
                stacks[number] = array
        if stacks:
            return stacks
    return {}


def _constant(name: str, nodes, depth: int = 0) -> np.ndarray | None:
    """Returns the value of a node built of constants alone; `None` for any other node."""
    node = nodes.get(name.removesuffix(":0"))
    if node is None or depth > _MAX_DEPTH:
        return None
    if node.op == "Const":
        return tf.make_ndarray(node.attr["value"].tensor)
    if node.op not in ("Identity", "Pack"):
        return None
    inputs = [_constant(source, nodes, depth + 1) for source in node.input if not source.startswith("^")]
    if not inputs or any(array is None for array in inputs):
        return None
    return inputs[0] if node.op == "Identity" else np.stack(inputs, axis=node.attr["axis"].i)
