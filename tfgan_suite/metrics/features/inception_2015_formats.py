"""Reads the weights of Inception from files in several formats: the frozen graph, a SavedModel, the PyTorch port."""

import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.inception_2015_network import BATCH_NORM_EPSILON

SAVED_MODEL_FILE = "saved_model.pb"
MAX_FILE_BYTES = 400_000_000
_GRAPH_FILE = "classify_image_graph_def.pb"
# From names in the original graph to their counterparts in the PyTorch port.
_STEM = {
    "conv": "Conv2d_1a_3x3",
    "conv_1": "Conv2d_2a_3x3",
    "conv_2": "Conv2d_2b_3x3",
    "conv_3": "Conv2d_3b_1x1",
    "conv_4": "Conv2d_4a_3x3",
}
_BLOCKS = {
    "mixed": ("Mixed_5b", "35"),
    "mixed_1": ("Mixed_5c", "35"),
    "mixed_2": ("Mixed_5d", "35"),
    "mixed_3": ("Mixed_6a", "to 17"),
    "mixed_4": ("Mixed_6b", "17"),
    "mixed_5": ("Mixed_6c", "17"),
    "mixed_6": ("Mixed_6d", "17"),
    "mixed_7": ("Mixed_6e", "17"),
    "mixed_8": ("Mixed_7a", "to 8"),
    "mixed_9": ("Mixed_7b", "8"),
    "mixed_10": ("Mixed_7c", "8"),
}
# For each branch: the prefix of its convolutions in the graph, their name in the port, and their number.
_BRANCHES = {
    "35": (("", "branch1x1", 1), ("tower/", "branch5x5_", 2), ("tower_1/", "branch3x3dbl_", 3)),
    "to 17": (("", "branch3x3", 1), ("tower/", "branch3x3dbl_", 3)),
    "17": (("", "branch1x1", 1), ("tower/", "branch7x7_", 3), ("tower_1/", "branch7x7dbl_", 5)),
    "to 8": (("tower/", "branch3x3_", 2), ("tower_1/", "branch7x7x3_", 4)),
    "8": (("", "branch1x1", 1), ("tower/", "branch3x3_", 1), ("tower_1/", "branch3x3dbl_", 2)),
}
_FORKS = {
    "tower/mixed/conv": "branch3x3_2a",
    "tower/mixed/conv_1": "branch3x3_2b",
    "tower_1/mixed/conv": "branch3x3dbl_3a",
    "tower_1/mixed/conv_1": "branch3x3dbl_3b",
}
_NORMALIZATION = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


# === The PyTorch port ===


def port_names() -> dict[str, str]:
    """Maps the names of the convolutions in the original graph to their names in the PyTorch port."""
    names = dict(_STEM)
    for block, (port_block, kind) in _BLOCKS.items():
        for place, branch, count in _BRANCHES[kind]:
            for index in range(count):
                suffix = f"_{index}" if index else ""
                number = index + 1 if branch.endswith("_") else ""
                names[f"{block}/{place}conv{suffix}"] = f"{port_block}.{branch}{number}"
        if kind == "8":
            names |= {f"{block}/{place}": f"{port_block}.{branch}" for place, branch in _FORKS.items()}
        if not kind.startswith("to"):
            names[f"{block}/tower_2/conv"] = f"{port_block}.branch_pool"
    return names


def from_port(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts the port's state dict to the names and layouts of the original graph.

    Args:
        weights: Mapping `{name: array}` with the names of the PyTorch port.

    Returns:
        Dict `{name: array}` with the names of the original graph.

    Raises:
        UserError: If it is the state dict of a different network.
    """
    try:
        arrays = {"softmax/weights": weights["fc.weight"].T}
        for name, port_name in port_names().items():
            arrays[f"{name}/conv2d_params"] = weights[f"{port_name}.conv.weight"].transpose(2, 3, 1, 0)
            for part, port_part in _NORMALIZATION.items():
                arrays[f"{name}/batchnorm/{part}"] = weights[f"{port_name}.bn.{port_part}"]
    except KeyError as error:
        raise UserError(
            f"The file must contain the state dict of pytorch-fid's Inception, but it lacks {error}."
        ) from error
    except ValueError as error:
        raise UserError(
            f"The file must contain the state dict of pytorch-fid's Inception, but {name!r} has a different shape."
        ) from error
    return arrays


# === The frozen graph ===


def unpack(path: Path) -> bytes:
    """Reads the graph or the SavedModel from a compressed archive, without writing anything to disk.

    Args:
        path: A `pathlib.Path`. The archive.

    Returns:
        Bytes. The content of the graph's or SavedModel's file.

    Raises:
        UserError: If the archive contains neither, or is damaged.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name in (_GRAPH_FILE, SAVED_MODEL_FILE):
                    if member.size > MAX_FILE_BYTES:
                        raise UserError(
                            f"{member.name!r} in {str(path)!r} must unpack to at most {MAX_FILE_BYTES} bytes. "
                            f"Received: {member.size} bytes"
                        )
                    return archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{str(path)!r} is a damaged archive: {error}.") from error
    raise UserError(f"The archive {str(path)!r} must contain {_GRAPH_FILE} or {SAVED_MODEL_FILE}, but has neither.")


def from_protobuf(content: bytes) -> dict[str, np.ndarray]:
    """Reads the constants of a GraphDef, or of the graph or function in a SavedModel that contains them.

    Args:
        content: Bytes. A serialized GraphDef or SavedModel.

    Returns:
        Dict `{name: array}` with the names of the original graph.

    Raises:
        UserError: If the content is neither, or the graph is a different network.
    """
    for nodes in _graphs(content):
        by_name = {node.name: node for node in nodes}
        # An enclosing graph may have added a prefix to all names.
        anchors = [name for name in by_name if re.fullmatch(r"(.*/)?softmax/weights", name)]
        for prefix in (anchor.removesuffix("softmax/weights") for anchor in anchors):
            if f"{prefix}conv_4/conv2d_params" in by_name:
                return _from_nodes({name.removeprefix(prefix): node for name, node in by_name.items()})
    raise UserError(
        "The file must contain the frozen graph of the Inception of December 2015, or a SavedModel with it, but it has "
        "no constants 'softmax/weights' and 'conv_4/conv2d_params'."
    )


def _graphs(content: bytes) -> Iterator[Iterable]:
    """Yields the nodes of every graph and function."""
    # Both formats start with their first field, which is a number in a SavedModel, and a message in a GraphDef.
    message = tf.compat.v1.GraphDef() if content[:1] == b"\x0a" else SavedModel()
    try:
        message.ParseFromString(content)
    except Exception as error:  # Each implementation of protobuf raises exceptions of its own.
        raise UserError(
            "The file must be a frozen graph, a SavedModel, an archive of one, or a PyTorch state dict, but it is none "
            "of these."
        ) from error
    for graph in [message] if content[:1] == b"\x0a" else [meta.graph_def for meta in message.meta_graphs]:
        yield graph.node
        yield from (function.node_def for function in graph.library.function)


def _from_nodes(nodes: Mapping) -> dict[str, np.ndarray]:
    names = ["softmax/weights"]
    for convolution in port_names():
        names.append(f"{convolution}/conv2d_params")
        names += [f"{convolution}/batchnorm/{part}" for part in _NORMALIZATION]
    try:
        arrays = {name: tf.make_ndarray(nodes[name].attr["value"].tensor) for name in names}
    except KeyError as error:
        raise UserError(f"The file must contain the frozen graph of Inception, but it lacks {error}.") from error
    for convolution in port_names():
        node = nodes.get(f"{convolution}/batchnorm")
        if node is None or node.op != "BatchNormWithGlobalNormalization":
            continue
        if not np.isclose(node.attr["variance_epsilon"].f, BATCH_NORM_EPSILON):
            raise UserError(
                f"The epsilon in {node.name!r} must be {BATCH_NORM_EPSILON}, as in Inception. Received: "
                f"epsilon={node.attr['variance_epsilon'].f}"
            )
        if not node.attr["scale_after_normalization"].b:  # In this case, the operation ignores gamma.
            name = f"{convolution}/batchnorm/gamma"
            arrays[name] = np.ones_like(arrays[name])
    _check_pools(nodes)
    return arrays


def _check_pools(nodes: Mapping) -> None:
    """Checks that the graph takes averages and maxima where the model does, which cannot be seen from the weights."""
    for block, (_, kind) in _BLOCKS.items():
        name = f"{block}/pool" if kind.startswith("to") else f"{block}/tower_2/pool"
        expected = "MaxPool" if kind.startswith("to") or block == "mixed_10" else "AvgPool"
        if name in nodes and nodes[name].op != expected:
            raise UserError(
                f"{name!r} must be {expected}, as in Inception. Received: {nodes[name].op}, from a different network"
            )
