#!/usr/bin/env bash
# Package: tensorflow, with the converter to LiteRT (TensorFlow Lite) that it contains; the version is pinned below.
#
# Valid input: two functions that compute the same exact GELU of a float32 tensor by `tf.math.erf`, once written as
# `0.5 * x * (1 + erf(x / sqrt(2)))` and once as `x * (0.5 + 0.5 * erf(x / sqrt(2)))`, converted with the built-in operations.
#
# One would guess: both convert, or neither does: they consist of the same operations, additions, products and one `Erf`.
#
# What happens: the first converts to a file with the one operation GELU. The second is refused, since LiteRT has no `Erf` of
# its own: the converter knows the function by the pattern of the first form alone. Which of two equal ways a layer is written
# in, or what a simplification makes of it, decides whether a model can be put on a phone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 keras==3.15.1

cat > "$folder/finding.py" <<'PYTHON'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import math

import numpy as np
import tensorflow as tf


def form_a(x):
    return 0.5 * x * (1.0 + tf.math.erf(x * math.sqrt(0.5)))


def form_b(x):
    return x * (0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5)))


def convert(function):
    concrete = tf.function(function, input_signature=[tf.TensorSpec([4], tf.float32)]).get_concrete_function()
    try:
        content = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    except Exception as error:
        return "refused, and the message names Erf: " + str("Erf" in str(error))
    interpreter = tf.lite.Interpreter(model_content=content)
    return "operations: " + ", ".join(one["op_name"] for one in interpreter._get_ops_details() if one["op_name"] != "DELEGATE")


x = np.linspace(-3, 3, 101, dtype="float32")
difference = np.abs(form_a(x) - form_b(x)).max()
a, b = convert(form_a), convert(form_b)
print("equal to 1e-6:", bool(difference < 1e-6))
print("0.5 * x * (1 + erf(x / sqrt(2))):", a)
print("x * (0.5 + 0.5 * erf(x / sqrt(2))):", b)
assert difference < 1e-6 and a == "operations: GELU" and b == "refused, and the message names Erf: True"
PYTHON
"$folder/venv/bin/python" "$folder/finding.py" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }

# Output seen:
#   equal to 1e-6: True
#   0.5 * x * (1 + erf(x / sqrt(2))): operations: GELU
#   x * (0.5 + 0.5 * erf(x / sqrt(2))): refused, and the message names Erf: True
