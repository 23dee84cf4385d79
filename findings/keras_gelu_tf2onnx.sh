#!/usr/bin/env bash
# Packages: keras 3, tensorflow, tf2onnx, onnx, onnxruntime; the versions are pinned below.
#
# Valid input: a Keras model of one dense layer with `activation="gelu"`, Keras's exact GELU, converted by tf2onnx's
# documented Python call to opset 17, in which ONNX has `Erf`.
#
# One would guess: tf2onnx either converts the activation, a common one that opset 17 can express, or raises an error.
#
# What happens: `tf2onnx.convert.from_function` logs that an operation is not supported, and returns a model all the same.
# TensorFlow computes the exact GELU with `Erfc`, which tf2onnx does not convert; it stays in the graph as `Erfc` of the
# standard ONNX domain, where no operation has that name. An error is raised only where the file is used: onnxruntime
# refuses to load it. With `approximate=True`, Keras's other GELU, the same model converts and runs.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0

cat > "$folder/finding.py" <<'PYTHON'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import logging

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)  # tf2onnx does log that it skipped an operation.


def convert(approximate):
    inputs = keras.Input([4])
    outputs = keras.layers.Dense(4, activation=lambda x: keras.activations.gelu(x, approximate=approximate))(inputs)
    model = keras.Model(inputs, outputs)
    signature = [tf.TensorSpec([None, 4], tf.float32, name="x")]
    converted, _ = tf2onnx.convert.from_function(tf.function(model), signature, opset=17)
    return model, converted


def unknown_operations(converted):
    return sorted({node.op_type for node in converted.graph.node if not onnx.defs.has(node.op_type, node.domain)})


_, exact = convert(approximate=False)
print("exact GELU: tf2onnx returned a model; operations unknown to ONNX:", unknown_operations(exact))
try:
    onnxruntime.InferenceSession(exact.SerializeToString(), providers=["CPUExecutionProvider"])
    raise SystemExit("onnxruntime loaded it: the finding is out of date")
except (onnxruntime.capi.onnxruntime_pybind11_state.Fail, onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph) as error:
    print("onnxruntime:", type(error).__name__, "and the message names Erfc:", "Erfc" in str(error))
    assert "Erfc" in str(error)
assert unknown_operations(exact) == ["Erfc"]

model, approximate = convert(approximate=True)
session = onnxruntime.InferenceSession(approximate.SerializeToString(), providers=["CPUExecutionProvider"])
x = np.linspace(-2, 2, 8, dtype="float32").reshape(2, 4)
difference = np.abs(session.run(None, {"x": x})[0] - model(x).numpy()).max()
print("approximate GELU: unknown operations:", unknown_operations(approximate), "and runs equal:", bool(difference < 1e-5))
assert unknown_operations(approximate) == [] and difference < 1e-5
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"

# Output seen:
#   exact GELU: tf2onnx returned a model; operations unknown to ONNX: ['Erfc']
#   onnxruntime: InvalidGraph and the message names Erfc: True
#   approximate GELU: unknown operations: [] and runs equal: True
