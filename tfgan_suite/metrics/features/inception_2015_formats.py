"""What the files with the weights of Inception call them: the frozen graph, a SavedModel around it, the PyTorch port."""

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
# Each name in the original graph and its counterpart in the PyTorch port.
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
# Of each branch: where its convolutions are in the graph, what they are called in the port, how many there are.
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
    """The convolutions: from names in the original graph to names in the PyTorch port."""
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
    """Arrays by the names of the original graph, in its layouts, from the port's state dict.

    Raises:
        UserError: It is another one.
    """
    try:
        arrays = {"softmax/weights": weights["fc.weight"].T}
        for name, port_name in port_names().items():
            arrays[f"{name}/conv2d_params"] = weights[f"{port_name}.conv.weight"].transpose(2, 3, 1, 0)
            for part, port_part in _NORMALIZATION.items():
                arrays[f"{name}/batchnorm/{part}"] = weights[f"{port_name}.bn.{port_part}"]
    except KeyError as error:
        raise UserError(f"Expected the state dict of pytorch-fid's Inception. The file lacks {error}.") from error
    except ValueError as error:
        raise UserError(f"Expected the state dict of pytorch-fid's Inception. {name!r} has another shape.") from error
    return arrays


# === The frozen graph ===


def unpack(path: Path) -> bytes:
    """The graph or the SavedModel in a compressed archive; nothing is written to disk.

    Raises:
        UserError: It holds neither, or is damaged.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name in (_GRAPH_FILE, SAVED_MODEL_FILE):
                    if member.size > MAX_FILE_BYTES:
                        raise UserError(f"{member.name!r} in {str(path)!r} unpacks to {member.size} bytes: too many.")
                    return archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{str(path)!r} is a damaged archive: {error}.") from error
    raise UserError(f"Expected an archive with {_GRAPH_FILE} or {SAVED_MODEL_FILE}. {str(path)!r} has neither.")


def from_protobuf(content: bytes) -> dict[str, np.ndarray]:
    """The constants of a GraphDef, or of the graph or function in a SavedModel that has them.

    Raises:
        UserError: It is no such file, or the graph is another network.
    """
    for nodes in _graphs(content):
        by_name = {node.name: node for node in nodes}
        # Another graph around it may have put a name before all others.
        anchors = [name for name in by_name if re.fullmatch(r"(.*/)?softmax/weights", name)]
        for prefix in (anchor.removesuffix("softmax/weights") for anchor in anchors):
            if f"{prefix}conv_4/conv2d_params" in by_name:
                return _from_nodes({name.removeprefix(prefix): node for name, node in by_name.items()})
    raise UserError(
        "Expected the frozen graph of the Inception of December 2015, or a SavedModel with it. The file holds no "
        "constants 'softmax/weights' and 'conv_4/conv2d_params'."
    )


def _graphs(content: bytes) -> Iterator[Iterable]:
    """The nodes of every graph and function."""
    # Both formats begin with their first field: a number in a SavedModel, a message in a GraphDef.
    message = tf.compat.v1.GraphDef() if content[:1] == b"\x0a" else SavedModel()
    try:
        message.ParseFromString(content)
    except Exception as error:  # protobuf's implementations raise classes of their own.
        raise UserError(
            "Expected a frozen graph, a SavedModel, an archive of one, or a PyTorch state dict. The file is none."
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
        raise UserError(f"Expected the frozen graph of Inception. It lacks {error}.") from error
    for convolution in port_names():
        node = nodes.get(f"{convolution}/batchnorm")
        if node is None or node.op != "BatchNormWithGlobalNormalization":
            continue
        if not np.isclose(node.attr["variance_epsilon"].f, BATCH_NORM_EPSILON):
            raise UserError(f"Expected an epsilon of {BATCH_NORM_EPSILON} in {node.name!r}. Received: {node.attr}.")
        if not node.attr["scale_after_normalization"].b:  # Then the operation does not look at gamma.
            name = f"{convolution}/batchnorm/gamma"
            arrays[name] = np.ones_like(arrays[name])
    _check_pools(nodes)
    return arrays


def _check_pools(nodes: Mapping) -> None:
    """Which pooling takes the average and which the maximum is not in the weights: the graph must do as the model does."""
    for block, (_, kind) in _BLOCKS.items():
        name = f"{block}/pool" if kind.startswith("to") else f"{block}/tower_2/pool"
        expected = "MaxPool" if kind.startswith("to") or block == "mixed_10" else "AvgPool"
        if name in nodes and nodes[name].op != expected:
            raise UserError(f"Expected {name!r} to be {expected}. Received: {nodes[name].op}, another network.")
