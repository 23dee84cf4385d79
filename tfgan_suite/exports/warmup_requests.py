"""Requests that TensorFlow Serving plays to a model before it takes traffic, so that the first client does not wait.

The file is a TFRecord of `PredictionLog` messages. Their few fields are written here by hand, so that an export does not
need the package `tensorflow-serving-api`; the tests read them back with it.

Reference: TensorFlow Serving, "SavedModel Warmup".
"""

from pathlib import Path

import tensorflow as tf

from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.foundation.wire_format import field

# Where TensorFlow Serving looks, inside a version's directory.
WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")

# Field numbers of PredictionLog, PredictLog, PredictRequest, ModelSpec and of an entry of a map.
_PREDICTION_LOG_PREDICT_LOG = 6
_PREDICT_LOG_REQUEST = 1
_REQUEST_MODEL_SPEC = 1
_REQUEST_INPUTS = 2
_MODEL_SPEC_NAME = 1
_MODEL_SPEC_SIGNATURE_NAME = 3
_MAP_KEY = 1
_MAP_VALUE = 2


def warmup_inputs(signatures, max_count: int) -> list:
    """Representative inputs of each signature: for one example, and for as many as a request may ask for (at most 8).

    Args:
        signatures: List of `Signature`s.
        max_count: Integer >= 1. The most examples in one request.

    Returns:
        List of `(signature name, {input name: NumPy array})`.
    """
    counts = sorted({1, min(8, max_count)})
    return [(signature.name, signature.warmup_inputs(count)) for count in counts for signature in signatures]


def write_warmup_requests(version_directory, model_name: str, requests) -> Path:
    """Writes `assets.extra/tf_serving_warmup_requests`.

    Args:
        version_directory: Path. The directory of a SavedModel.
        model_name: String. The name by which it will be served.
        requests: List of `(signature name, {input name: NumPy array})`, as from `warmup_inputs`.
    """
    path = Path(version_directory, WARMUP_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, inputs in requests:
            writer.write(_prediction_log(model_name, signature_name, inputs))
    return path


def _prediction_log(model_name, signature_name, inputs) -> bytes:
    model_spec = field(_MODEL_SPEC_NAME, model_name.encode())
    model_spec += field(_MODEL_SPEC_SIGNATURE_NAME, signature_name.encode())
    request = field(_REQUEST_MODEL_SPEC, model_spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += field(_REQUEST_INPUTS, field(_MAP_KEY, name.encode()) + field(_MAP_VALUE, tensor))
    return field(_PREDICTION_LOG_PREDICT_LOG, field(_PREDICT_LOG_REQUEST, request))


def read_warmup_requests(version_directory) -> list:
    """The enclosed requests, a list of `(signature name, {input name: NumPy array})`; empty where there is no file.

    Raises:
        MissingExtraError: There is a file, but the package `tensorflow-serving-api` is not installed.
    """
    path = Path(version_directory, WARMUP_FILE)
    if not path.is_file():
        return []
    prediction_log_pb2 = import_extra(
        "tensorflow_serving.apis.prediction_log_pb2", "serving", "Reading warm-up requests"
    )
    requests = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        requests.append((request.model_spec.signature_name, inputs))
    return requests
