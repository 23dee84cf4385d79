"""Run as a script: loads the SavedModel given as the only argument, and requests two examples from `generate`.

Like a server, it imports TensorFlow, but nothing from this package. Prints one line of JSON.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402  (The log level must be set before the import.)

_COUNT = 2


def sampling_options(directory):
    """The default of each option of sampling, as the model card says."""
    with open(os.path.join(directory, "assets.extra", "model_card.json"), encoding="utf-8") as file:
        model = json.load(file)["model"]
    # Cards of version 0.1 list none: all their models have this one.
    options = model.get("sampling_options", [{"name": "truncation", "default": 1.0}])
    return {option["name"]: tf.constant(option["default"], tf.float32) for option in options}


def main(directory):
    start = time.perf_counter()
    model = tf.saved_model.load(directory)
    signature = model.signatures["generate"]
    loaded = time.perf_counter()
    inputs = {"seed": tf.constant(1, tf.int64), "count": tf.constant(_COUNT), **sampling_options(directory)}
    if "labels" in signature.structured_input_signature[1]:
        inputs["labels"] = tf.constant([], tf.int32)
    ((name, values),) = signature(**inputs).items()
    values = values.numpy()
    if len(values) != _COUNT:
        raise SystemExit(f"`{name}` must be {_COUNT} examples. Received: shape={values.shape}, dtype={values.dtype}")
    if not np.isfinite(values.astype("float64")).all():
        raise SystemExit(f"`{name}` must be finite. Received: NaN or infinity")
    if name == "images" and (values == values[:, :1, :1]).all():
        raise SystemExit("`images` must not be blank. Received: images of a single color")
    answered = time.perf_counter()
    print(
        json.dumps(
            {
                "seconds_load": round(loaded - start, 3),
                "seconds_answer": round(answered - loaded, 3),
                "example_shape": list(values.shape[1:]),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
