"""ONNX: a function of a model as an `.onnx` file, and the file run by ONNX Runtime."""

import numpy as np

from tfgan_suite.exports.canonical_names import rename_onnx
from tfgan_suite.exports.frozen_function import freeze
from tfgan_suite.exports.quiet import only_errors
from tfgan_suite.foundation.errors import UserError, import_extra

_OPSET = 17
_PURPOSE = "Export to ONNX"


def to_onnx(file_function) -> bytes:
    """Converts a function of a model, for any batch size.

    Args:
        file_function: A `FileFunction`.

    Returns:
        Bytes. The content of an `.onnx` file with the function's inputs and output under their names.

    Raises:
        MissingExtraError: tf2onnx, onnx or onnxruntime is not installed.
        UserError: The function has an operation that ONNX has not.
    """
    import_extra("onnxruntime", "onnx", _PURPOSE)
    onnx = import_extra("onnx", "onnx", _PURPOSE)
    tf2onnx = import_extra("tf2onnx", "onnx", _PURPOSE)
    function = freeze(file_function)
    with only_errors():
        converted, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=_OPSET, custom_op_handlers={"Erfc": (_convert_erfc, [])}
        )
    # What tf2onnx cannot convert it leaves in the graph.
    unknown = {node.op_type for node in converted.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise UserError(
            f"ONNX has no operation for {', '.join(sorted(unknown))} of TensorFlow, which "
            f"{type(file_function.model).__name__} needs for `{file_function.name}`. Use other operations in it, or another "
            "format."
        )
    _call_batch_by_its_name(converted)
    rename_onnx(converted)
    return converted.SerializeToString(deterministic=True)


def _convert_erfc(graph, node, name, arguments):
    """1 - erf(x): tf2onnx knows `Erf` alone, and Keras's exact GELU is made of the other."""
    dtype, shape = graph.get_dtype(node.input[0]), graph.get_shape(node.input[0])
    one = graph.make_const(f"{name}/one", np.array(1.0, np.float32))
    error = graph.make_node("Erf", [node.input[0]], dtypes=[dtype], shapes=[shape])
    graph.remove_node(name)
    return graph.make_node("Sub", [one.output[0], error.output[0]], name=name, outputs=node.output, dtypes=[dtype])


def _call_batch_by_its_name(converted) -> None:
    for tensor in (*converted.graph.input, *converted.graph.output):
        first = tensor.type.tensor_type.shape.dim[0]
        if not first.HasField("dim_value"):
            first.dim_param = "batch"


class OnnxFile:
    """An `.onnx` file in ONNX Runtime, on the CPU.

    Args:
        content: Bytes. The content of the file.
        num_threads: Integer >= 1. The threads of one call.
    """

    def __init__(self, content: bytes, num_threads: int = 1):
        onnxruntime = import_extra("onnxruntime", "onnx", "Running an ONNX file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """The output, of arrays by the names of the inputs, such as `latents` float32 `[count, *latent_shape]`."""
        (output,) = self._session.run(None, inputs)
        return output
