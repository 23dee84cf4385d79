"""Run as a script: loads the SavedModel given as the only argument and requests two images from `generate`.

Like a server, it imports TensorFlow, but nothing from this package. Prints one line of JSON.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402  (The log level must be set before the import.)

_COUNT = 2


def main(directory):
    start = time.perf_counter()
    model = tf.saved_model.load(directory)
    signature = model.signatures["generate"]
    loaded = time.perf_counter()
    inputs = {"seed": tf.constant(1, tf.int64), "count": tf.constant(_COUNT), "truncation": tf.constant(1.0)}
    if "labels" in signature.structured_input_signature[1]:
        inputs["labels"] = tf.constant([], tf.int32)
    images = signature(**inputs)["images"].numpy()
    if images.dtype != "uint8" or images.ndim != 4 or len(images) != _COUNT:
        raise SystemExit(
            f"`images` must be {_COUNT} uint8 images. Received: shape={images.shape}, dtype={images.dtype}"
        )
    if (images == images[:, :1, :1]).all():
        raise SystemExit("`images` must not be blank. Received: images of a single color")
    answered = time.perf_counter()
    print(
        json.dumps(
            {
                "seconds_load": round(loaded - start, 3),
                "seconds_answer": round(answered - loaded, 3),
                "image_shape": list(images.shape[1:]),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
