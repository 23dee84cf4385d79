"""Names in exported graphs that depend on the graph alone, so that exports of equal weights are equal in bytes.

TensorFlow and Keras number functions and layers by counters of the process: the second model of a process has other names
than the first, and each export other functions than the one before. Here the numbers count what comes first in the file.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from tfgan_suite.exports.signatures.checks import OUT_OF_RANGE

_NUMBERS = re.compile(r"(_+\d+)+(?=[_:]|$)")
_MESSAGE = re.compile(rf"[a-z]+{OUT_OF_RANGE}\d+")
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class CanonicalNames:
    """Gives each name a new one, numbered in the order in which names are asked for, level by level of `a/b/c`.

    Args:
        known: Mapping of names to their new names, where these are chosen otherwise.

    Example:

    >>> names = CanonicalNames({"latents": "latents"})
    >>> [names(name) for name in ("dense_7/bias", "dense_12/bias", "dense_7/kernel", "latents")]
    ['dense/bias', 'dense_1/bias', 'dense/kernel', 'latents']
    """

    def __init__(self, known: Mapping[str, str] | None = None):
        self._new = dict(known or {})
        self._taken = set(self._new.values())
        self._counts = Counter()

    def __call__(self, name: str) -> str:
        if name not in self._new:
            level, slash, last = name.rpartition("/")
            message = _MESSAGE.match(last)
            base = message[0] if message else _NUMBERS.sub("", last) or last
            base = (self(level) if level else "") + slash + base
            new = base
            while new in self._taken:
                self._counts[base] += 1
                new = f"{base}_{self._counts[base]}"
            self._taken.add(new)
            self._new[name] = new
        return self._new[name]

    def reference(self, text: str) -> str:
        """The same for what refers to a name: `name`, `name:0`, `name:output:0` or `^name`."""
        caret = "^" if text.startswith("^") else ""
        name, colon, output = text.removeprefix("^").partition(":")
        return caret + self(name) + colon + output


# === SavedModel ===


def make_reproducible(directory) -> None:
    """Rewrites a SavedModel in place, with canonical names, and without gradients that exist in this process alone.

    Custom gradients serve training. Left in, each loading elsewhere would warn of them, and a gradient through the exported
    model would fail; without them it is the plain one, of the operations themselves.

    Args:
        directory: Path. What `tf.saved_model.save` has written.
    """
    path = Path(directory, "saved_model.pb")
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (meta_graph,) = saved_model.meta_graphs
    names = _rename_meta_graph(meta_graph)
    prefix = Path(directory, "variables", "variables")
    if prefix.with_suffix(".index").is_file():
        _rename_in_checkpoint(meta_graph, str(prefix), names)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))
    Path(directory, "fingerprint.pb").unlink(missing_ok=True)  # Of the file as it was.


def _rename_meta_graph(meta_graph) -> CanonicalNames:
    """Renames everything in a `MetaGraphDef`, and returns the names of its own nodes, those of variables among them."""
    graph, objects = meta_graph.graph_def, meta_graph.object_graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    for nodes in (graph.node, *(function.node_def for function in functions.values())):
        for node in nodes:
            node.attr.pop("_gradient_op_type", None)
    order = _in_order_of_use(meta_graph, functions)
    name_function = CanonicalNames()
    for name in order:
        name_function(name)
    for name in order:
        bound = len(objects.concrete_functions[name].bound_inputs) if name in objects.concrete_functions else None
        _rename_function(functions[name], bound, name_function)
    renamed = [functions[name] for name in order]
    del graph.library.function[:]
    graph.library.function.extend(renamed)

    # Placeholders bear the names of signatures.
    names = CanonicalNames({node.name: node.name for node in graph.node if node.op == "Placeholder"})
    _rename_nodes(graph.node, names, name_function)
    saver = meta_graph.saver_def
    for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
        if getattr(saver, field):
            setattr(saver, field, names.reference(getattr(saver, field)))
    for collection in meta_graph.collection_def.values():
        collection.node_list.value[:] = [names.reference(node) for node in collection.node_list.value]
    for signature in meta_graph.signature_def.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            if tensor.name:
                tensor.name = names.reference(tensor.name)
    for asset in meta_graph.asset_file_def:
        asset.tensor_info.name = names.reference(asset.tensor_info.name)
    _rename_objects(objects, names, name_function)
    return names


def _in_order_of_use(meta_graph, functions) -> list[str]:
    """The names of all functions, as they are met on the way from the objects and the nodes to what these call."""
    order, waiting = {}, []
    for one in meta_graph.object_graph_def.nodes:
        waiting += [*one.function.concrete_functions, one.bare_concrete_function.concrete_function_name]
    waiting += [name for node in meta_graph.graph_def.node for name in _functions_called(node)]
    waiting += sorted(functions, key=lambda name: _NUMBERS.sub("", name))
    waiting.reverse()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in order:
            order[name] = None
            called = [other for node in functions[name].node_def for other in _functions_called(node)]
            waiting += reversed(called)
    return list(order)


def _functions_of(node):
    """The references to functions, messages with a `name`, among a node's attributes."""
    for _, value in sorted(node.attr.items()):
        yield from ([value.func] if value.HasField("func") else value.list.func)


def _functions_called(node) -> list[str]:
    return [function.name for function in _functions_of(node)]


def _rename_function(function, bound, name_function) -> None:
    """Renames a `FunctionDef`. `bound`: how many of its last inputs nobody calls by name; `None` for all."""
    signature = function.signature
    signature.name = name_function(signature.name)
    inputs = [argument.name for argument in signature.input_arg]
    num_named = 0 if bound is None else len(inputs) - bound
    names = CanonicalNames({name: name for name in inputs[:num_named]})
    for place, argument in enumerate(signature.input_arg):
        argument.name = names(argument.name)
        if place >= num_named and place in function.arg_attr:
            function.arg_attr[place].attr.pop("_user_specified_name", None)
    _rename_nodes(function.node_def, names, name_function)
    results = {name: names.reference(tensor) for name, tensor in function.ret.items()}
    function.ret.clear()
    for place, argument in enumerate(signature.output_arg):
        function.ret[f"output_{place}"] = results[argument.name]
        argument.name = f"output_{place}"
    controls = {names(name): names(node) for name, node in function.control_ret.items()}
    function.control_ret.clear()
    function.control_ret.update(controls)
    signature.control_output[:] = sorted(names(name) for name in signature.control_output)


def _rename_nodes(nodes, names, name_function) -> None:
    for node in nodes:
        names(node.name)
    for node in nodes:
        node.name = names(node.name)
        data = [names.reference(text) for text in node.input if not text.startswith("^")]
        node.input[:] = data + sorted(names.reference(text) for text in node.input if text.startswith("^"))
        node.ClearField("experimental_debug_info")
        node.attr.pop("debug_name", None)
        if node.attr["shared_name"].s:
            node.attr["shared_name"].s = names(node.attr["shared_name"].s.decode()).encode()
        else:
            del node.attr["shared_name"]
        if "_class" in node.attr:
            places = [text.decode().removeprefix("loc:@") for text in node.attr["_class"].list.s]
            node.attr["_class"].list.s[:] = [f"loc:@{names(place)}".encode() for place in places]
        for function in _functions_of(node):
            function.name = name_function(function.name)


def _rename_objects(objects, names, name_function) -> None:
    concrete = {name_function(name): function for name, function in objects.concrete_functions.items()}
    kept = {name: type(function).FromString(function.SerializeToString()) for name, function in concrete.items()}
    objects.concrete_functions.clear()
    for name, function in kept.items():
        objects.concrete_functions[name].CopyFrom(function)
    for one in objects.nodes:
        kind = one.WhichOneof("kind")
        if kind == "function":
            one.function.concrete_functions[:] = map(name_function, one.function.concrete_functions)
        elif kind == "bare_concrete_function":
            called = one.bare_concrete_function
            called.concrete_function_name = name_function(called.concrete_function_name)
        elif kind == "variable":
            for variable in (one.variable, *one.variable.experimental_distributed_variable_components):
                variable.name = names(variable.name) if variable.name else ""
        elif kind == "captured_tensor":
            one.captured_tensor.name = names.reference(one.captured_tensor.name)
            one.captured_tensor.concrete_function = name_function(one.captured_tensor.concrete_function)


def _rename_in_checkpoint(meta_graph, prefix: str, names: CanonicalNames) -> None:
    """Writes a checkpoint anew, in place, with other names of variables in its graph of objects; keys stay as they are."""
    reader = tf.train.load_checkpoint(prefix)
    keys = sorted(reader.get_variable_to_shape_map())
    objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(_OBJECT_GRAPH))
    for node in objects.nodes:
        for attribute in node.attributes:
            attribute.full_name = names(attribute.full_name) if attribute.full_name else ""
    after = objects.SerializeToString(deterministic=True)
    tensors = [tf.constant(after if key == _OBJECT_GRAPH else reader.get_tensor(key)) for key in keys]
    with tf.device("CPU:0"):
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=tensors)
    # The function that saves again has this graph as its last input.
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    save = nodes[meta_graph.saver_def.save_tensor_name.partition(":")[0]]
    constant = nodes[[text for text in save.input if not text.startswith("^")][-1].partition(":")[0]]
    constant.attr["value"].tensor.string_val[:] = [after]


# === ONNX ===


def rename_onnx(model) -> None:
    """Renames nodes and tensors of an ONNX model in place, but for its inputs and outputs, and orders them by use.

    Args:
        model: An `onnx.ModelProto`.
    """
    graph = model.graph
    graph.doc_string = ""  # The name of a function.
    _order_by_use(graph)
    known = {tensor.name: tensor.name for tensor in (*graph.input, *graph.output)}
    # Of equal constants, and of nodes that compute the same, the converter keeps any one, so their own names say nothing.
    constants = {tensor.name for one in _graphs(graph) for tensor in one.initializer}
    used = dict.fromkeys(name for node in graph.node for name in _needed(node) if name in constants)
    known |= {name: f"constant_{place}" for place, name in enumerate(used)}
    counts = Counter()
    for node in (node for one in _graphs(graph) for node in one.node):
        # What is no value of the user's is told by the name of a node.
        message = _MESSAGE.match(node.name.rpartition("/")[2])
        kind = message[0] if message else node.op_type
        node.name = kind if message and not counts[kind] else f"{kind}_{counts[kind]}"
        counts[kind] += 1
        for place, name in enumerate(node.output):
            known.setdefault(name, f"{node.name}:{place}")
    _rename_onnx_graph(graph, CanonicalNames(known))


def _graphs(graph):
    """A graph and all those inside of it."""
    yield graph
    for node in graph.node:
        for body in _bodies(node):
            yield from _graphs(body)


def _order_by_use(graph) -> None:
    """Puts each node right before what needs it, so that any order that is valid becomes this one; drops what nobody needs."""
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    order, seen = {}, set()
    waiting = [makers[tensor.name] for tensor in reversed(graph.output) if tensor.name in makers]
    while waiting:
        place = waiting.pop()
        if place in seen:
            order.setdefault(place)
        else:
            seen.add(place)
            needed = [makers[name] for name in _needed(graph.node[place]) if name in makers]
            waiting += [place, *(other for other in reversed(needed) if other not in seen)]
    nodes = [type(graph.node[place]).FromString(graph.node[place].SerializeToString()) for place in order]
    del graph.node[:]
    graph.node.extend(nodes)
    for node in graph.node:
        for body in _bodies(node):
            _order_by_use(body)


def _rename_onnx_graph(graph, names) -> None:
    for node in graph.node:
        node.input[:] = [names(name) if name else "" for name in node.input]
        node.output[:] = [names(name) if name else "" for name in node.output]
        for body in _bodies(node):
            _rename_onnx_graph(body, names)
    for tensors in (graph.input, graph.output, graph.value_info, graph.initializer):
        for tensor in tensors:
            tensor.name = names(tensor.name)
    for tensors in (graph.value_info, graph.initializer):
        tensors.sort(key=lambda tensor: tensor.name)


def _bodies(node):
    """The graphs inside of a node, such as a loop's."""
    for attribute in node.attribute:
        yield from (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs


def _needed(node):
    """The names of all tensors that a node reads, those that the graphs inside of it read among them."""
    yield from node.input
    for body in _bodies(node):
        yield from (tensor.name for tensor in body.output)
        for inner in body.node:
            yield from _needed(inner)
