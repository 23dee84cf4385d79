"""LiteRT (formerly TensorFlow Lite): a generator as a `.tflite` file, and the file run by the LiteRT interpreter."""

import tempfile

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.frozen_generator import freeze_generator
from tfgan_suite.exports.quiet import only_errors
from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.randomness import fold

SIGNATURE = "serving_default"
# Of the latents by which the ranges of activations are found; none of theirs are compared.
_CALIBRATION_SEED = 20_260_101


def to_litert(model, precision="float32", batch_size=1, calibration_images=64) -> bytes:
    """Converts a generator. The number of images at a time is fixed: some operations are not converted otherwise.

    Args:
        model: A built `GenerativeModel`.
        precision: `"float32"`; `"float16"`: weights of half the size, computed with as the device likes; `"int8"`:
            weights and activations are 8-bit integers, inputs and images stay float32.
        batch_size: Images at a time, >= 1.
        calibration_images: For `"int8"`: how many images are drawn to find the range of every activation.

    Returns:
        The content of a `.tflite` file with the signature `serving_default`: inputs `latents` and, with classes,
        `labels`, output `images`.
    """
    with tempfile.TemporaryDirectory() as directory:
        module = tf.Module()
        module.images_of = freeze_generator(model, batch_size)
        # Through a SavedModel, since only its signatures reach the file.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        with only_errors():
            tf.saved_model.save(module, directory, signatures={SIGNATURE: module.images_of}, options=options)
            converter = tf.lite.TFLiteConverter.from_saved_model(directory)
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if precision == "int8":
                converter.representative_dataset = lambda: _calibration(model, batch_size, calibration_images)
            return converter.convert()


def _calibration(model, batch_size, count):
    seed = tf.constant(_CALIBRATION_SEED, tf.int64)
    num_batches = -(-count // batch_size)
    latents = model.sample_latents(num_batches * batch_size, fold(seed, "calibration", "latents"))
    labels = model.sample_labels(num_batches * batch_size, fold(seed, "calibration", "labels"))
    for start in range(0, num_batches * batch_size, batch_size):
        rows = slice(start, start + batch_size)
        yield {"latents": latents[rows]} | ({} if labels is None else {"labels": labels[rows]})


class LiteRTGenerator:
    """A `.tflite` file in the LiteRT interpreter, on the CPU. It makes as many images at a time as it was written for.

    Args:
        content: Of the file.
        num_threads: Threads of one call.
    """

    def __init__(self, content: bytes, num_threads: int = 1):
        interpreter = import_extra("ai_edge_litert.interpreter", "litert", "Running a LiteRT file")
        self._interpreter = interpreter.Interpreter(model_content=content, num_threads=num_threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        self.batch_size = int(self._run.get_input_details()["latents"]["shape"][0])

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """float32 `[count, latent_size]` and int32 `[count]` to float32 `[count, height, width, channels]`."""
        if len(latents) % self.batch_size:
            raise ValueError(f"Expected a multiple of {self.batch_size} latents. Received: {len(latents)}")
        batches = []
        for start in range(0, len(latents), self.batch_size):
            rows = slice(start, start + self.batch_size)
            feeds = {"latents": latents[rows]} | ({} if labels is None else {"labels": labels[rows]})
            batches.append(self._run(**feeds)["images"])
        return np.concatenate(batches)
