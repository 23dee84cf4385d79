"""LiteRT (formerly TensorFlow Lite): a generator as a `.tflite` file, and the file run by the LiteRT interpreter."""

import tempfile

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.canonical_names import make_reproducible
from tfgan_suite.exports.frozen_generator import freeze_generator
from tfgan_suite.exports.quiet import only_errors
from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.randomness import fold

SIGNATURE = "serving_default"
# For the latents that find the ranges of activations. The comparison uses other latents.
_CALIBRATION_SEED = 20_260_101


def to_litert(model, precision="float32", batch_size=None, calibration_examples=64) -> bytes:
    """Converts a generator.

    Args:
        model: A built `GenerativeModel` that `HasLatents`.
        precision: String. `"float32"`; `"float16"`, for weights of half the size, computed with as the device likes; or
            `"int8"`, for weights and activations of 8-bit integers between inputs and outputs of float32.
        batch_size: Integer >= 1, the examples at a time, or `None` for any number. The signature's runner resizes the inputs to
            what it is given; an interpreter without it has to (`resize_tensor_input`), and begins with one.
        calibration_examples: Integer >= 1. For `"int8"`: the examples to draw to find the range of every activation.

    Returns:
        Bytes. The content of a `.tflite` file with the signature `serving_default`: inputs `latents` and, with classes,
        `labels`, output `images`, or what the spec calls its examples.
    """
    with tempfile.TemporaryDirectory() as directory:
        module = tf.Module()
        module.examples_of = freeze_generator(model, batch_size)
        # Through a SavedModel, since only its signatures reach the file.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        with only_errors():
            tf.saved_model.save(module, directory, signatures={SIGNATURE: module.examples_of}, options=options)
            make_reproducible(directory)
            converter = tf.lite.TFLiteConverter.from_saved_model(directory)
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if precision == "int8":
                converter.representative_dataset = lambda: _calibration(model, batch_size, calibration_examples)
            return converter.convert()


def _calibration(model, batch_size, count):
    batch_size = batch_size or 1
    seed = tf.constant(_CALIBRATION_SEED, tf.int64)
    num_batches = -(-count // batch_size)
    latents = model.sample_latents(num_batches * batch_size, fold(seed, "calibration", "latents"))
    labels = model.sample_labels(num_batches * batch_size, fold(seed, "calibration", "labels"))
    for start in range(0, num_batches * batch_size, batch_size):
        rows = slice(start, start + batch_size)
        yield {"latents": latents[rows]} | ({} if labels is None else {"labels": labels[rows]})


class LiteRTGenerator:
    """A `.tflite` file in the LiteRT interpreter, on the CPU.

    Args:
        content: Bytes. The content of the file.
        num_threads: Integer >= 1. The threads of one call.

    Attributes:
        batch_size: Integer. The examples that one call makes; `None` for any number.
    """

    def __init__(self, content: bytes, num_threads: int = 1):
        interpreter = import_extra("ai_edge_litert.interpreter", "litert", "Running a LiteRT file")
        self._interpreter = interpreter.Interpreter(model_content=content, num_threads=num_threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        size = int(self._run.get_input_details()["latents"]["shape_signature"][0])
        self.batch_size = None if size == -1 else size

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Makes examples `[count, *spec.shape]` of latents float32 `[count, *latent_shape]` and labels int32 `[count]`."""
        size = self.batch_size or len(latents)
        if not size or len(latents) % size:
            raise ValueError(f"`latents` must be a multiple of {size or 1} above 0. Received: {len(latents)} latents")
        batches = []
        for start in range(0, len(latents), size):
            rows = slice(start, start + size)
            feeds = {"latents": latents[rows]} | ({} if labels is None else {"labels": labels[rows]})
            (examples,) = self._run(**feeds).values()
            batches.append(examples)
        return np.concatenate(batches)
