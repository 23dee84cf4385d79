"""One version of a model, loaded and ready to answer."""

import json
import logging
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2, saved_model_pb2

from tfgan_suite.errors import MissingExtraError
from tfgan_suite.serving.model_card import CARD_JSON
from tfgan_suite.serving.request_joining import joining_of
from tfgan_suite.serving.serving_error import ServingError, invalid_argument
from tfgan_suite.serving.warmup_requests import read_warmup_requests

logger = logging.getLogger(__name__)


class Servable:
    """A SavedModel of any kind, which need not be an image model.

    Args:
        name: Name of the model.
        version: Version number.
        path: Directory of the SavedModel.

    Attributes:
        signature_defs: `{name: SignatureDef}`, as they stand in `saved_model.pb`.
        joinings: `{name: how requests to this signature are joined}`, see `joining_of`.
        max_count: Most images of a call, as the model card says; `None` without one.

    Raises:
        Exception: Of many kinds, where the files are damaged.
    """

    def __init__(self, name: str, version: int, path: Path):
        self.name = name
        self.version = version
        self.path = path
        self.signature_defs = _read_signature_defs(path)
        self.max_count = _read_max_count(path)
        self._loaded = tf.saved_model.load(str(path), tags=["serve"])  # Keeps the variables alive.
        self._functions = self._loaded.signatures
        self.joinings = {name: joining_of(self.signature_defs[name]) for name in self._functions}

    def warm_up(self) -> int:
        """Plays the enclosed warm-up requests, and returns how many. None without the extra `serving`."""
        try:
            requests = read_warmup_requests(self.path)
        except MissingExtraError as error:
            logger.info("%s version %d is not warmed up: %s", self.name, self.version, error)
            return 0
        for signature_name, inputs in requests:
            self.predict(signature_name, inputs)
        return len(requests)

    def predict(self, signature_name: str, inputs: dict, output_filter=(), run=None) -> dict:
        """Checks a request and runs it.

        Args:
            signature_name: `""` for `serving_default`.
            inputs: `{name: numpy array}`.
            output_filter: Names of the outputs wanted; none for all.
            run: A function of the signature's name and the inputs that is called in place of `run`, to wait or to join
                requests before it calls that.

        Returns:
            `{name: numpy array}`.

        Raises:
            ServingError: Unknown signature, inputs or outputs that do not fit it, or a check inside the model fails.
        """
        signature_name = signature_name or "serving_default"
        if signature_name not in self._functions:
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{signature_name}" not found.')
        signature = self.signature_defs[signature_name]
        _check_names(signature, inputs)
        for name, array in inputs.items():
            _check_tensor(name, array, signature.inputs[name])
        _check_output_filter(signature, output_filter)
        outputs = (run or self.run)(signature_name, inputs)
        return {name: outputs[name] for name in output_filter or outputs}

    def run(self, signature_name: str, inputs: dict) -> dict:
        """Runs a signature on inputs that fit it; `predict` checks them.

        Returns:
            `{name: numpy array}`, sorted by name.

        Raises:
            ServingError: A check inside the model fails.
        """
        signature = self.signature_defs[signature_name]
        tensors = {
            name: tf.constant(array, tf.as_dtype(signature.inputs[name].dtype)) for name, array in inputs.items()
        }
        try:
            outputs = self._functions[signature_name](**tensors)
            return {name: outputs[name].numpy() for name in sorted(outputs)}
        except tf.errors.OpError as error:
            raise ServingError(error_codes_pb2.Code.Name(error.error_code), _message(error)) from error


def _read_signature_defs(path: Path) -> dict:
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
    for meta_graph in saved_model.meta_graphs:
        if "serve" in meta_graph.meta_info_def.tags:
            return dict(meta_graph.signature_def)
    raise ValueError("Could not find meta graph def matching supplied tags: { serve }")


def _read_max_count(path: Path) -> int | None:
    try:
        return int(json.loads((path / CARD_JSON).read_text("utf-8"))["serving"]["max_count"])
    except (OSError, ValueError, KeyError, TypeError):  # Another's SavedModel, which has no such card.
        return None


def _check_names(signature, inputs) -> None:
    missing = sorted(set(signature.inputs) - set(inputs))
    extra = sorted(set(inputs) - set(signature.inputs))
    if missing or extra:
        wanted, sent = ",".join(sorted(signature.inputs)), ",".join(sorted(inputs))
        raise invalid_argument(
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
            f"len({{{sent}}}) != len({{{wanted}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )


def _check_tensor(name, array, tensor_info) -> None:
    expected = tf.as_dtype(tensor_info.dtype)
    is_text = array.dtype.kind in "OSU"
    if is_text != (expected == tf.string) or not is_text and array.dtype != expected.as_numpy_dtype:
        received = "string" if is_text else tf.as_dtype(array.dtype).name
        raise invalid_argument(f"Type mismatch: actual {received} vs. expect {expected.name} (input {name})")
    shape = tensor_info.tensor_shape
    if shape.unknown_rank:
        return
    sizes = [dimension.size for dimension in shape.dim]
    if len(sizes) != array.ndim or any(
        size not in (-1, actual) for size, actual in zip(sizes, array.shape, strict=True)
    ):
        actual = ",".join(str(size) for size in array.shape)
        wanted = ",".join("?" if size == -1 else str(size) for size in sizes)
        raise invalid_argument(f"Shape of tensor {name} [{actual}] is not compatible with expected shape [{wanted}].")


def _check_output_filter(signature, output_filter) -> None:
    for name in output_filter:
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if list(output_filter).count(name) > 1:
            raise invalid_argument(f"duplicate output tensor alias: {name}")


def _message(error: tf.errors.OpError) -> str:
    """What went wrong, without the names of functions and nodes around it."""
    message = error.message
    if "<stack traces unavailable>" in message:
        message = message.rpartition("<stack traces unavailable>")[2].lstrip()
    message = message.partition("\n\t [[")[0].partition(" [Op:")[0]
    while message.startswith("{{function_node"):
        message = message.partition("}}")[2].lstrip()
    return message or type(error).__name__


def numpy_dtype(tensor_info) -> np.dtype:
    """The array type of an input; strings are objects."""
    dtype = tf.as_dtype(tensor_info.dtype)
    return np.dtype(object) if dtype == tf.string else np.dtype(dtype.as_numpy_dtype)
