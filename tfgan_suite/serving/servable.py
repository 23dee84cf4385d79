"""One version of a model, loaded and ready to run."""

import functools
import logging
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2, saved_model_pb2

from tfgan_suite.exports.model_card import read_model_card
from tfgan_suite.exports.warmup_requests import read_warmup_requests
from tfgan_suite.foundation.errors import MissingExtraError
from tfgan_suite.serving.request_joining import joining_of
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

logger = logging.getLogger(__name__)


class Servable:
    """A loaded SavedModel of any kind, not necessarily an image model.

    Args:
        name: String. Name of the model.
        version: Integer. Version number.
        path: A `pathlib.Path`. Directory of the SavedModel.

    Attributes:
        signature_defs: `{name: SignatureDef}`, as they stand in `saved_model.pb`.
        joinings: `{name: how requests to this signature are joined}`, see `joining_of`.
        max_count: The most examples of a call, as the model card says; `None` without one.
        sampling_defaults: `{name: value}` of the model's sampling options, as the model card says.

    Raises:
        Exception: If the files are damaged. The type of the exception depends on the damage.
    """

    def __init__(self, name: str, version: int, path: Path):
        self.name = name
        self.version = version
        self.path = path
        self.signature_defs = _read_signature_defs(path)
        card = _read_card(path)
        serving = card.get("serving", {})
        self.max_count = serving.get("max_count")
        options = card.get("model", {}).get("sampling_options", ())
        self.sampling_defaults = {option["name"]: option["default"] for option in options}
        self._loaded = tf.saved_model.load(str(path), tags=["serve"])  # Keeps the variables alive.
        self._functions = self._loaded.signatures
        described = serving.get("signatures", {})
        self.joinings = {
            name: joining_of(self.signature_defs[name], described.get(name, {}).get("joining"))
            for name in self._functions
        }
        self._inputs = {
            key: {name: _Input(name, info) for name, info in self.signature_defs[key].inputs.items()}
            for key in self._functions
        }

    def warm_up(self) -> int:
        """Runs the warm-up requests stored with the model and returns their number. 0 without the extra `serving`."""
        try:
            requests = read_warmup_requests(self.path)
        except MissingExtraError as error:
            logger.info("%s version %d is not warmed up: %s", self.name, self.version, error)
            return 0
        for signature_name, inputs in requests:
            self.run(self.check(signature_name, inputs), inputs)
        return len(requests)

    def check(self, signature_name: str, inputs: dict, output_filter=()) -> str:
        """Checks whether a request matches a signature.

        Args:
            signature_name: String. `""` selects `serving_default`.
            inputs: Dict `{name: NumPy array}`.
            output_filter: Collection of strings. Names of the outputs to return; all if empty.

        Returns:
            String. The signature's name, to be passed to `run`.

        Raises:
            ServingError: If the signature is unknown, or the inputs or outputs do not match it.
        """
        signature_name = signature_name or "serving_default"
        if signature_name not in self._functions:
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{signature_name}" not found.')
        expected = self._inputs[signature_name]
        _check_names(expected, inputs)
        for name, array in inputs.items():
            expected[name].check(array)
        _check_output_filter(self.signature_defs[signature_name], output_filter)
        return signature_name

    def run(self, signature_name: str, inputs: dict) -> dict:
        """Runs a signature on inputs that `check` has accepted.

        Args:
            signature_name: String. As returned by `check`.
            inputs: Dict `{name: NumPy array}`.

        Returns:
            Dict `{name: NumPy array}`, sorted by name.

        Raises:
            ServingError: A check inside the model fails.
        """
        expected = self._inputs[signature_name]
        tensors = {name: tf.constant(array, expected[name].dtype) for name, array in inputs.items()}
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


def _read_card(path: Path) -> dict:
    """The model card; empty for somebody else's SavedModel, which has no such card."""
    try:
        return read_model_card(path)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


class _Input:
    """What a signature expects of an input. Parsed from its message once, because that takes longer than the check."""

    def __init__(self, name, tensor_info):
        self.dtype = tf.as_dtype(tensor_info.dtype)
        self._name = name
        self._numpy_dtype = numpy_dtype(tensor_info)
        shape = tensor_info.tensor_shape
        self._sizes = None if shape.unknown_rank else [dimension.size for dimension in shape.dim]

    def check(self, array):
        is_text = array.dtype.kind in "OSU"
        if is_text != (self.dtype == tf.string) or not is_text and array.dtype != self._numpy_dtype:
            received = "string" if is_text else tf.as_dtype(array.dtype).name
            raise invalid_argument(
                f"Type mismatch: actual {received} vs. expect {self.dtype.name} (input {self._name})"
            )
        if self._sizes is None:
            return
        if len(self._sizes) != array.ndim or any(
            size not in (-1, actual) for size, actual in zip(self._sizes, array.shape, strict=True)
        ):
            actual = ",".join(str(size) for size in array.shape)
            wanted = ",".join("?" if size == -1 else str(size) for size in self._sizes)
            raise invalid_argument(
                f"Shape of tensor {self._name} [{actual}] is not compatible with expected shape [{wanted}]."
            )


def _check_names(expected, inputs) -> None:
    if expected.keys() == inputs.keys():
        return
    missing, extra = sorted(expected.keys() - inputs.keys()), sorted(inputs.keys() - expected.keys())
    wanted, sent = ",".join(sorted(expected)), ",".join(sorted(inputs))
    raise invalid_argument(
        f"input size does not match signature: {len(inputs)}!={len(expected)} "
        f"len({{{sent}}}) != len({{{wanted}}}). "
        f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
    )


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
    """Returns the error's message, without the names of functions and nodes around it."""
    message = error.message
    if "<stack traces unavailable>" in message:
        message = message.rpartition("<stack traces unavailable>")[2].lstrip()
    message = message.partition("\n\t [[")[0].partition(" [Op:")[0]
    while message.startswith("{{function_node"):
        message = message.partition("}}")[2].lstrip()
    return message or type(error).__name__


def numpy_dtype(tensor_info) -> np.dtype:
    """Returns the NumPy dtype of an input. Strings are objects."""
    return _numpy_dtype(tensor_info.dtype)


@functools.cache
def _numpy_dtype(enum) -> np.dtype:
    dtype = tf.as_dtype(enum)
    return np.dtype(object) if dtype == tf.string else np.dtype(dtype.as_numpy_dtype)
