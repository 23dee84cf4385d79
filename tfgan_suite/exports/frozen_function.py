"""A function of a model as one graph of constants, which the converters to other formats take without accidents.

Given a Keras 3 model, TensorFlow's converter to LiteRT leaves its variables as variables and writes files that give NaN.
Here the variables become constants first, and a branch that they decide (ProGAN's level of detail) becomes the one chosen.
"""

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfgan_suite.exports.signatures.named_function import named_function


def freeze(function, batch_size=None):
    """A function of a model, for inference, without variables and without branches.

    Args:
        function: A `FileFunction`.
        batch_size: Integer >= 1, the rows at a time, or `None` for any number.

    Returns:
        A `tf.function` of the function's inputs, with a batch in front, to a dict of its one output.

    Example:

    >>> from tfgan_suite.exports.file_functions import GenerateFunction
    >>> model = tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2)
    >>> freeze(GenerateFunction(model))(tf.zeros([2, 4]))["images"].shape
    TensorShape([2, 8, 8, 1])
    """
    specs = {name: tf.TensorSpec([batch_size, *shape], dtype) for name, (dtype, shape) in function.inputs.items()}
    live = named_function(function.call, specs).get_concrete_function()
    frozen = convert_variables_to_constants_v2(live, lower_control_flow=not function.has_loops)
    frozen = frozen if function.has_loops else _choose_branches(_precompute(frozen))

    def frozen_output_of(**inputs):
        (output,) = frozen(*inputs.values())
        shape = [batch_size, *function.output_shape]
        if None in output.shape[1:]:
            output = tf.reshape(output, [batch_size or -1, *function.output_shape])  # LiteRT has no `ensure_shape`.
        return {function.output: tf.ensure_shape(output, shape)}

    return named_function(frozen_output_of, specs)


# What other engines refuse, or have in another form, and what a flow's inverse is made of.
_LINEAR_ALGEBRA = {
    *("MatrixTriangularSolve", "MatrixInverse", "MatrixSolve", "Cholesky", "Qr", "Svd", "SelfAdjointEigV2", "Lu"),
    *("MatrixDeterminant", "LogMatrixDeterminant", "MatrixDiagPartV3", "MatrixDiagV3", "MatrixBandPart", "ScatterNd"),
}


def _precompute(frozen):
    """Puts constants in the places of linear algebra that depends on no input."""
    depends, found = set(), []  # Operations that depend on an input or on a loop; those of linear algebra that do not.
    for operation in _in_order(frozen.graph):
        sources = [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
        if operation.type in ("Placeholder", "Enter") or any(source.name in depends for source in sources):
            depends.add(operation.name)
        elif operation.type in _LINEAR_ALGEBRA:
            found.append(operation)
    if not found:
        return frozen
    tensors = [tensor for operation in found for tensor in operation.outputs]
    values = frozen.prune([], tensors)()
    return _rebuild(
        frozen,
        {operation.name for operation in found},
        {},
        {tensor.name: value for tensor, value in zip(tensors, values)},
    )


def _choose_branches(frozen):
    """Leaves of each branching that constants decide the branch chosen alone. Branches by inputs stay.

    Freezing has turned every choice into switches, of whose outputs one is alive, and merges of what comes of them.
    """
    dead, instead, gone = set(), {}, set()  # Tensors that never are; tensors for tensors; operations to leave out.
    for operation in _in_order(frozen.graph):
        names = [tensor.name for tensor in operation.outputs]
        alive = [tensor for tensor in operation.inputs if tensor.name not in dead]
        index = _constant_value(frozen, operation.inputs[1]) if operation.type in ("Switch", "_SwitchN") else None
        if operation.type == "Merge":  # Alive as soon as one of its inputs is.
            is_dead = not alive
        else:
            is_dead = len(alive) < len(operation.inputs) or any(s.name in dead for s in operation.control_inputs)
        if is_dead:
            dead |= {operation.name, *names}
        elif index is not None:
            chosen = names.pop(index if 0 <= index < len(names) else -1)  # As the operation itself does.
            instead[chosen] = operation.inputs[0].name
            dead |= set(names)
            gone.add(operation.name)
        elif operation.type == "Merge" and len(alive) == 1:
            instead[names[0]] = alive[0].name
            gone.add(operation.name)
    if not gone:
        return frozen
    return _rebuild(frozen, dead | gone, instead)


def _in_order(graph):
    """The operations, each behind those that it needs (but for a loop's way back)."""
    ordered, seen = [], set()
    waiting = [(operation, False) for operation in graph.get_operations()]
    while waiting:
        operation, is_ready = waiting.pop()
        if is_ready:
            ordered.append(operation)
        elif operation.name not in seen:
            seen.add(operation.name)
            waiting.append((operation, True))
            needed = [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
            waiting += [(source, False) for source in needed]
    return ordered


def _rebuild(frozen, left_out, instead, constants=()):
    """The function without some operations, other tensors or constants in the places of theirs."""
    instead = {**instead, **{name: f"{_constant_name(name)}:0" for name in constants}}

    def resolve(name):
        while name in instead:
            name = instead[name]
        return name

    graph_def = tf.compat.v1.GraphDef()
    for name in constants:
        node = graph_def.node.add(name=_constant_name(name), op="Const")
        node.attr["dtype"].type = constants[name].dtype.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[name]))
    for operation in frozen.graph.get_operations():
        if operation.name not in left_out:
            node = graph_def.node.add()
            node.CopyFrom(operation.node_def)
            controls = [source.name for source in operation.control_inputs if source.name not in left_out]
            node.input[:] = [resolve(tensor.name) for tensor in operation.inputs] + [f"^{name}" for name in controls]
    graph_def.versions.CopyFrom(frozen.graph.as_graph_def().versions)
    graph_def.library.CopyFrom(frozen.graph.as_graph_def().library)
    rebuilt = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph_def, name=""), [])
    inputs, outputs = (
        [rebuilt.graph.get_tensor_by_name(resolve(tensor.name)) for tensor in tensors]
        for tensors in (frozen.inputs, frozen.outputs)
    )
    return rebuilt.prune(inputs, outputs)


def _constant_name(tensor_name):
    return f"{tensor_name.replace(':', '_')}/constant"


def _constant_value(frozen, tensor):
    """The value of a scalar that depends on no input and no loop, else `None`."""
    ancestors, waiting = {}, [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation.name not in ancestors:
            ancestors[operation.name] = operation.type
            waiting += [source.op for source in operation.inputs]
    if set(ancestors.values()) & {"Placeholder", "Enter"}:
        return None
    return int(frozen.prune([], tensor)())
