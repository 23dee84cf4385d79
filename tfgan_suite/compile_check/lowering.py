"""Converts a traced step to a module of XLA's own operations: `lower`."""

import dataclasses
import math
import re

import tensorflow as tf
from tensorflow.compiler.xla.service import hlo_pb2
from tensorflow.compiler.xla.xla_data_pb2 import PrimitiveType

from tfgan_suite.compile_check.operations import UnsupportedOperation, all_operations, describe

_SAME_SIZE_NAMES = {"PRED": 1, "BF16": 2, "F16": 2, "C64": 8, "C128": 16}


@dataclasses.dataclass(frozen=True)
class LoweredStep:
    """A step in XLA's operations, not yet compiled for any device.

    Attributes:
        hlo: Bytes. A serialized `HloModuleProto`; empty if an operation could not be lowered.
        num_instructions: Integer. Number of instructions in all computations.
        argument_bytes: Integer. Size of the arguments: the batch, and all variables that the step reads or writes.
        unsupported: List of `UnsupportedOperation` that could not be lowered, or whose shapes depend on values.
        custom_calls: Dict `{target: (type, name)}`. The operation behind each call to code outside XLA.
    """

    hlo: bytes
    num_instructions: int
    argument_bytes: int
    unsupported: list
    custom_calls: dict


def lower(function, specs):
    """Lowers a function as XLA does for a CPU, without compiling it.

    Args:
        function: A `tf.function(jit_compile=True)`.
        specs: List of `tf.TensorSpec` with static shapes, one for each argument.

    Returns:
        A `LoweredStep`.

    Example:

    >>> function = tf.function(lambda x: tf.reduce_sum(x), jit_compile=True)
    >>> lower(function, [tf.TensorSpec([8, 4])]).argument_bytes
    128
    """
    operations = {operation.name: operation for operation in all_operations(graph_of(function, specs))}
    try:
        hlo = function.experimental_get_compiler_ir(*specs)(stage="hlo_serialized", platform_name="CPU")
    except (ValueError, tf.errors.OpError) as error:
        return LoweredStep(b"", 0, 0, [_operation_of(str(error), operations)], {})
    module = hlo_pb2.HloModuleProto.FromString(hlo)
    instructions = [instruction for computation in module.computations for instruction in computation.instructions]
    dynamic = {
        instruction.metadata.op_name: instruction.metadata.op_type
        for instruction in instructions
        if any(instruction.shape.is_dynamic_dimension)
    }
    reason = "its shape depends on values"
    unsupported = [
        named_operation(name, operation_type, reason, operations) for name, operation_type in dynamic.items()
    ]
    custom_calls = {
        instruction.custom_call_target: (instruction.metadata.op_type, instruction.metadata.op_name)
        for instruction in instructions
        if instruction.custom_call_target
    }
    argument_bytes = sum(map(_bytes_of, module.host_program_shape.parameters))
    return LoweredStep(hlo, len(instructions), argument_bytes, unsupported, custom_calls)


def graph_of(function, specs):
    """Returns the traced graph of a `tf.function`."""
    return function.get_concrete_function(*specs).graph


def named_operation(name, operation_type, reason, operations):
    """Creates an `UnsupportedOperation` from the name that XLA uses.

    Args:
        name: String. Name of the operation. Operations in functions are prefixed by the names of the calls.
        operation_type: String. Type of the operation, or `""` if unknown.
        reason: String. Why it cannot be compiled.
        operations: Dict `{name: tf.Operation}`.

    Returns:
        An `UnsupportedOperation`.
    """
    parts = name.split("/")
    for start in range(len(parts)):
        operation = operations.get("/".join(parts[start:]))
        if operation is not None and operation_type in ("", operation.type):
            return dataclasses.replace(describe(operation, reason), name=name)
    return UnsupportedOperation(operation_type or "an operation", name, "", reason)


def _operation_of(message, operations):
    """Finds the operation that TensorFlow's message about a failed lowering refers to."""
    nodes = re.findall(r"\{\{node ([^}]+)\}\}", message)
    types = re.findall(r"No registered '(\w+)'|with op (\w+)", message)
    operation_type = next(("".join(pair) for pair in types), "")
    reason = message.split("HLO text: '")[-1].splitlines()[0]
    # TensorFlow lists calls from the inside out, with the operation itself first.
    return named_operation(nodes[0] if nodes else "", operation_type, reason, operations)


def _bytes_of(shape):
    name = PrimitiveType.Name(shape.element_type)
    width = _SAME_SIZE_NAMES.get(name) or int(re.sub(r"\D+", " ", name).split()[0]) // 8
    return width * math.prod(shape.dimensions)
