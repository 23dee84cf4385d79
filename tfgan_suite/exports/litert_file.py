"""LiteRT (formerly TensorFlow Lite): a function of a model as a `.tflite` file, and the file run by the LiteRT interpreter."""

import re
import tempfile

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.canonical_names import make_reproducible
from tfgan_suite.exports.frozen_function import freeze
from tfgan_suite.exports.quiet import only_errors
from tfgan_suite.foundation.errors import UserError, import_extra

SIGNATURE = "serving_default"
# For the inputs that find the ranges of activations. The comparison uses others.
_CALIBRATION_SEED = 20_260_101


def to_litert(file_function, precision="float32", batch_size=None, calibration_examples=64) -> bytes:
    """Converts a function of a model.

    Args:
        file_function: A `FileFunction`.
        precision: String. `"float32"`; `"float16"`, for weights of half the size, computed with as the device likes; or
            `"int8"`, for weights and activations of 8-bit integers between inputs and outputs of float32.
        batch_size: Integer >= 1, the examples at a time, or `None` for any number. The signature's runner resizes the inputs to
            what it is given; an interpreter without it has to (`resize_tensor_input`), and begins with one.
        calibration_examples: Integer >= 1. For `"int8"`: the examples to draw to find the range of every activation.

    Returns:
        Bytes. The content of a `.tflite` file with the signature `serving_default`, which has the function's inputs and output
        under their names.

    Raises:
        UserError: The function has an operation that LiteRT has not.
    """
    with tempfile.TemporaryDirectory() as directory:
        module = tf.Module()
        module.output_of = freeze(file_function, batch_size)
        # Through a SavedModel, since only its signatures reach the file.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        with only_errors():
            tf.saved_model.save(module, directory, signatures={SIGNATURE: module.output_of}, options=options)
            make_reproducible(directory)
            converter = tf.lite.TFLiteConverter.from_saved_model(directory)
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if precision == "int8":
                converter.representative_dataset = lambda: _calibration(file_function, batch_size, calibration_examples)
            try:
                return converter.convert()
            except Exception as error:  # The converter's own type is private.
                raise _refusal(file_function, error) from error


def _refusal(file_function, error):
    """The converter's error, as a sentence if it is about operations."""
    unknown = re.findall(r"'tf\.(\w+)' op is neither|failed to legalize operation 'tf\.(\w+)'", str(error))
    names = sorted({first or second for first, second in unknown})
    if not names:
        return error
    return UserError(
        f"LiteRT has no operation for {', '.join(names)} of TensorFlow, which {type(file_function.model).__name__} needs for "
        f"`{file_function.name}`. Use other operations in it, or another format."
    )


def _calibration(file_function, batch_size, count):
    batch_size = batch_size or 1
    num_batches = -(-count // batch_size)
    inputs = file_function.draw(num_batches * batch_size, _CALIBRATION_SEED, "calibration")
    for start in range(0, num_batches * batch_size, batch_size):
        yield {name: values[start : start + batch_size] for name, values in inputs.items()}


class LiteRTFile:
    """A `.tflite` file in the LiteRT interpreter, on the CPU.

    Args:
        content: Bytes. The content of the file.
        num_threads: Integer >= 1. The threads of one call.

    Attributes:
        batch_size: Integer. The rows that one call takes; `None` for any number.
    """

    def __init__(self, content: bytes, num_threads: int = 1):
        interpreter = import_extra("ai_edge_litert.interpreter", "litert", "Running a LiteRT file")
        self._interpreter = interpreter.Interpreter(model_content=content, num_threads=num_threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        details = next(iter(self._run.get_input_details().values()))
        size = int(details["shape_signature"][0])
        self.batch_size = None if size == -1 else size

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """The output, of arrays by the names of the inputs, such as `latents` float32 `[count, *latent_shape]`."""
        count = len(next(iter(inputs.values())))
        size = self.batch_size or count
        if not size or count % size:
            raise ValueError(f"The inputs must have a multiple of {size or 1} rows, above 0. Received: {count} rows")
        batches = []
        for start in range(0, count, size):
            (output,) = self._run(**{name: values[start : start + size] for name, values in inputs.items()}).values()
            batches.append(output)
        return np.concatenate(batches)
