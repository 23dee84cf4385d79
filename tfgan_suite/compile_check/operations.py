"""Finds the operations of a traced step that XLA cannot compile: `unsupported_operations`."""

import collections
import dataclasses
import functools
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework import kernels  # There is no public list of registered kernels.

# Those of XLA's CPU compiler: TensorFlow registers the TPU's kernels from the same list, but only on TPU hosts.
_DEVICE = "XLA_CPU_JIT"
# XLA supports these by bounding their shapes, which depend on values. A training step should not contain any.
_SHAPES_FROM_VALUES = {
    *("Where", "Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2", "ListDiff", "DynamicPartition"),
    *("NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"),
}
_LIBRARIES = tuple(f"{Path(library.__file__).parent}/" for library in (tf, keras))


@dataclasses.dataclass(frozen=True)
class UnsupportedOperation:
    """An operation that cannot be compiled, and where it comes from.

    Attributes:
        type: String. Type of the operation, such as `"EagerPyFunc"`.
        name: String. Name in the traced graph, which includes the names of layers.
        source: String. File, line, and function of the innermost call outside TensorFlow and Keras that created the
            operation; `""` if unknown.
        reason: String. Why it cannot be compiled.
    """

    type: str
    name: str
    source: str
    reason: str

    def __str__(self):
        return f"{self.type} ({self.name}{', created at ' + self.source if self.source else ''}): {self.reason}"


def all_operations(graph):
    """Lists the operations of a `tf.Graph` and of all functions that it calls: branches, loops, nested functions."""
    operations, graphs, seen = [], [graph], set()
    while graphs:
        graph = graphs.pop()
        operations += graph.get_operations()
        for operation in graph.get_operations():
            for name in _called(operation) - seen:
                seen.add(name)
                graphs.append(operation.graph._get_function(name).graph)  # There is no public API.
    return operations


def _called(operation):
    names = set()
    for value in operation.node_def.attr.values():
        names |= {function.name for function in [value.func, *value.list.func] if function.name}
    return names


def unsupported_operations(operations):
    """Finds the operations that cannot be compiled.

    Args:
        operations: List of `tf.Operation`.

    Returns:
        List of `UnsupportedOperation`.

    Example:

    >>> function = tf.function(lambda x: tf.py_function(np.sum, [x], tf.float32))
    >>> graph = function.get_concrete_function(tf.TensorSpec([4])).graph
    >>> [operation.type for operation in unsupported_operations(all_operations(graph))]
    ['EagerPyFunc']
    """
    found = []
    for operation in operations:
        reason = None if operation.type == "Placeholder" else _why_not(operation)  # Placeholders are the arguments.
        if reason is not None:
            found.append(describe(operation, reason))
    return found


def describe(operation, reason):
    """Creates an `UnsupportedOperation` for a `tf.Operation`."""
    return UnsupportedOperation(operation.type, operation.name, source_of(operation), reason)


def _why_not(operation):
    if operation.type in _SHAPES_FROM_VALUES:
        return "the shape of its result depends on values"
    if tf.complex128 in {tensor.dtype for tensor in [*operation.inputs, *operation.outputs]}:
        return "TPUs do not support complex128"
    registered = _registered_kernels().get(operation.type)
    if registered is None:
        return "XLA does not support this operation"
    if not any(_takes(kernel, operation) for kernel in registered):
        types = sorted({tf.as_dtype(tensor.dtype).name for tensor in [*operation.inputs, *operation.outputs]})
        return f"XLA does not support this operation for {', '.join(types)}"
    return None


@functools.cache
def _registered_kernels():
    tf.function(lambda: tf.constant(0.0), jit_compile=True)()  # The first compilation registers them.
    registered = collections.defaultdict(list)
    for kernel in kernels.get_all_registered_kernels().kernel:
        if kernel.device_type == _DEVICE:
            registered[kernel.op].append(kernel)
    return dict(registered)


def _takes(kernel, operation):
    """Whether a kernel is registered for an operation's types."""
    for constraint in kernel.constraint:
        value = operation.node_def.attr[constraint.name]
        types = [value.type] if value.WhichOneof("value") == "type" else value.list.type
        if not set(types) <= set(constraint.allowed_values.list.type):
            return False
    return True


def source_of(operation):
    """Returns `file:line (function)` of the innermost call outside TensorFlow and Keras that created an operation."""
    frames = [frame for frame in operation.traceback or () if not frame.filename.startswith(_LIBRARIES)]
    if not frames:
        return ""
    path = Path(frames[-1].filename)
    for root in (Path(__file__).parents[2], Path.cwd()):
        if path.is_relative_to(root):
            path = path.relative_to(root)
            break
    return f"{path}:{frames[-1].lineno} ({frames[-1].name})"
