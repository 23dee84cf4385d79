"""ONNX: a generator as an `.onnx` file, and the file run by ONNX Runtime."""

import numpy as np

from tfgan_suite.exports.frozen_generator import freeze_generator
from tfgan_suite.exports.quiet import only_errors
from tfgan_suite.foundation.errors import import_extra

_OPSET = 17
_PURPOSE = "Export to ONNX"


def to_onnx(model) -> bytes:
    """Converts a generator, for any batch size.

    Args:
        model: A built `GenerativeModel` that `HasLatents`.

    Returns:
        Bytes. The content of an `.onnx` file with the inputs `latents` and, with classes, `labels`, and the output `images`,
        or what the spec calls its examples.

    Raises:
        MissingExtraError: tf2onnx, onnx or onnxruntime is not installed.
    """
    for module in ("onnx", "onnxruntime"):
        import_extra(module, "onnx", _PURPOSE)
    tf2onnx = import_extra("tf2onnx", "onnx", _PURPOSE)
    function = freeze_generator(model)
    with only_errors():
        converted, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=_OPSET)
    _call_batch_by_its_name(converted)
    return converted.SerializeToString()


def _call_batch_by_its_name(converted) -> None:
    for tensor in (*converted.graph.input, *converted.graph.output):
        first = tensor.type.tensor_type.shape.dim[0]
        if not first.HasField("dim_value"):
            first.dim_param = "batch"


class OnnxGenerator:
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

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Makes examples `[count, *spec.shape]` of latents float32 `[count, *latent_shape]` and labels int32 `[count]`."""
        feeds = {"latents": latents} if labels is None else {"latents": latents, "labels": labels}
        (examples,) = self._session.run(None, feeds)
        return examples
