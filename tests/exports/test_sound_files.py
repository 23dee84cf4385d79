"""The way from a spectrogram to sound leaves for other formats: both transforms are convolutions."""

import numpy as np
import pytest
import tensorflow as tf

from tests.audio.sounds import sweep
from tfgan_suite.audio.griffin_lim import invert_log_mel
from tfgan_suite.audio.log_mel import LogMel

LOG_MEL = LogMel(sample_rate_hz=8000, fft_length=128, hop_length=32, num_bands=16)
VALUES = LOG_MEL.values(sweep(512))[None]


@pytest.fixture(scope="module")
def inversion():
    return tf.function(
        lambda values: invert_log_mel(values, LOG_MEL, 8),
        input_signature=[tf.TensorSpec([1, 16, 16], tf.float32)],
        autograph=False,
    )


def test_litert(inversion):
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([inversion.get_concrete_function()])
    interpreter = interpreters.Interpreter(model_content=converter.convert())  # Without Flex.
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], VALUES)
    interpreter.invoke()
    made = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(made, inversion(VALUES), atol=2e-3)


def test_onnx(inversion):
    tf2onnx, onnxruntime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    model, _ = tf2onnx.convert.from_function(inversion, inversion.input_signature, opset=17)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (made,) = session.run(None, {session.get_inputs()[0].name: VALUES})
    np.testing.assert_allclose(made, inversion(VALUES), atol=2e-3)
