"""TensorFlow Serving's gRPC services over a `ModelRepository`. Needs the extra `serving`.

`Predict` and `GetModelMetadata` of `PredictionService` and `GetModelStatus` of `ModelService` are answered; the rest is
`UNIMPLEMENTED`.
"""

import concurrent.futures
import logging
import math

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2

from tfgan_suite.errors import UserError, import_extra
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

logger = logging.getLogger(__name__)

_SIGNATURE_DEF = "signature_def"
_STRING_OBJECT_BYTES = 64  # About what one takes in Python, empty.


class GrpcServer:
    """Answers gRPC in threads of its own from `start` to `stop`.

    Args:
        repository: What it serves.
        host: Address to listen on.
        port: TCP port; 0 for any free one.
        max_message_bytes: Larger requests are refused with `RESOURCE_EXHAUSTED`, and so are tensors that would be larger
            in memory with `INVALID_ARGUMENT`.
        num_threads: Requests that are read and answered, or wait to be joined, at the same time. As many again wait for a
            thread; more are refused with `RESOURCE_EXHAUSTED`.

    Attributes:
        port: The port it listens on.

    Raises:
        MissingExtraError: The extra `serving` is not installed.
        UserError: The port is taken.
    """

    def __init__(
        self,
        repository: ModelRepository,
        host: str,
        port: int,
        max_message_bytes: int = 64 << 20,
        num_threads: int = 64,
    ):
        grpc = import_extra("grpc", "serving", "Serving over gRPC")
        prediction_service = import_extra(
            "tensorflow_serving.apis.prediction_service_pb2_grpc", "serving", "Serving over gRPC"
        )
        model_service = import_extra("tensorflow_serving.apis.model_service_pb2_grpc", "serving", "Serving over gRPC")
        options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # Otherwise two servers could share a port unawares.
        ]
        threads = concurrent.futures.ThreadPoolExecutor(num_threads, thread_name_prefix="grpc")
        self._server = grpc.server(threads, options=options, maximum_concurrent_rpcs=2 * num_threads)
        answers = _Answers(repository, max_message_bytes)
        prediction_service.add_PredictionServiceServicer_to_server(
            _servicer(grpc, prediction_service.PredictionServiceServicer, answers, ("Predict", "GetModelMetadata")),
            self._server,
        )
        model_service.add_ModelServiceServicer_to_server(
            _servicer(grpc, model_service.ModelServiceServicer, answers, ("GetModelStatus",)), self._server
        )
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise UserError(f"Cannot listen for gRPC on {address}: {error}. Choose another port.") from error
        if self.port == 0:
            raise UserError(f"Cannot listen for gRPC on {address}. Choose another port.")

    def start(self) -> None:
        self._server.start()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Takes no more requests, and gives those that are being answered some seconds."""
        self._server.stop(grace_seconds).wait()


def _servicer(grpc, base, answers, methods):
    """An object of the generated class `base` whose `methods` are those of `answers`."""

    def answering(method):
        def answer(self, request, context):
            try:
                return getattr(answers, method)(request)
            except ServingError as error:
                refused = error
            except Exception:  # A client is told that it failed, and the log why.
                logger.exception("%s failed", method)
                refused = ServingError("INTERNAL", "The request failed inside the server; its log says why.")
            context.abort(getattr(grpc.StatusCode, refused.code), refused.message)

        return answer

    return type(f"Answering{base.__name__}", (base,), {method: answering(method) for method in methods})()


class _Answers:
    """Requests and responses as messages, without gRPC."""

    def __init__(self, repository, max_tensor_bytes):
        from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

        self._repository = repository
        self._max_tensor_bytes = max_tensor_bytes
        self._predict_pb2 = predict_pb2
        self._metadata_pb2 = get_model_metadata_pb2
        self._status_pb2 = get_model_status_pb2

    def Predict(self, request):
        servable = self._repository.lookup(*_target(request))
        inputs = {name: _to_array(name, tensor, self._max_tensor_bytes) for name, tensor in request.inputs.items()}
        signature_name = request.model_spec.signature_name
        outputs = self._repository.predict(servable, signature_name, inputs, list(request.output_filter))
        response = self._predict_pb2.PredictResponse()
        _fill_model_spec(response.model_spec, servable, signature_name or "serving_default")
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
        return response

    def GetModelMetadata(self, request):
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid_argument(f"Metadata field {field} is not supported")
        servable = self._repository.lookup(*_target(request))
        signatures = self._metadata_pb2.SignatureDefMap()
        for name, signature in servable.signature_defs.items():
            signatures.signature_def[name].CopyFrom(signature)
        response = self._metadata_pb2.GetModelMetadataResponse()
        _fill_model_spec(response.model_spec, servable, "")
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def GetModelStatus(self, request):
        name, version, label = _target(request)
        response = self._status_pb2.GetModelStatusResponse()
        for status in self._repository.status(name, version, label):
            version_status = response.model_version_status.add(version=status.version)
            version_status.state = self._status_pb2.ModelVersionStatus.State.Value(status.state)
            version_status.status.error_code = error_codes_pb2.Code.Value(status.error_code)
            version_status.status.error_message = status.error_message
        return response


def _target(request):
    """Name, version and label of the model."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _fill_model_spec(spec, servable, signature_name) -> None:
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature_name


def _to_array(name, tensor, max_bytes) -> np.ndarray:
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    try:
        dtype = tf.as_dtype(tensor.dtype)
        # A message of some bytes can name a shape of gigabytes, which one repeated value fills.
        item_bytes = _STRING_OBJECT_BYTES if dtype == tf.string else dtype.size
        if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise ValueError("its shape is not known")
        if math.prod(sizes) * item_bytes > max_bytes:
            raise ValueError(f"it would take more than {max_bytes} bytes")
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError, KeyError) as error:
        raise invalid_argument(f"tensor parsing error: {name}: {error}") from error
