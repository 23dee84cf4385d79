"""TensorFlow Serving's gRPC services over a `ModelRepository`. Requires the extra `serving`.

Supports `Predict` and `GetModelMetadata` of `PredictionService` and `GetModelStatus` of `ModelService`; all other calls
are answered with `UNIMPLEMENTED`.
"""

import asyncio
import logging
import threading
import weakref

from tensorflow.core.protobuf import error_codes_pb2

from tfgan_suite.foundation.errors import UserError, import_extra
from tfgan_suite.serving.event_loop_futures import EventLoopFutures
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.serving_error import ServingError, invalid_argument
from tfgan_suite.serving.tensor_messages import read_tensor, write_tensor

logger = logging.getLogger(__name__)

_SIGNATURE_DEF = "signature_def"
_LARGE_BYTES = 1 << 16  # Larger requests are parsed in a thread, so that they do not block the event loop.


class GrpcServer:
    """Answers gRPC requests on an event loop in a thread of its own, until `stop()` is called.

    Args:
        repository: A `ModelRepository`. The models to serve.
        host: String. Address to listen on.
        port: Integer. TCP port to listen on. 0 picks any free port.
        max_message_bytes: Integer. Maximum size of a request. Larger requests are refused with `RESOURCE_EXHAUSTED`;
            tensors that would be larger in memory are refused with `INVALID_ARGUMENT`.
        max_concurrent_requests: Integer. Maximum number of requests that are running or waiting at the same time. Any
            more are refused with `RESOURCE_EXHAUSTED`.

    Attributes:
        port: Integer. The port that the server listens on.

    Raises:
        MissingExtraError: If the extra `serving` is not installed.
        UserError: If the port is in use, or the address does not belong to this machine.
    """

    def __init__(
        self,
        repository: ModelRepository,
        host: str,
        port: int,
        max_message_bytes: int = 64 << 20,
        max_concurrent_requests: int = 128,
    ):
        grpc = import_extra("grpc", "serving", "Serving over gRPC")
        prediction_service = import_extra(
            "tensorflow_serving.apis.prediction_service_pb2_grpc", "serving", "Serving over gRPC"
        )
        model_service = import_extra("tensorflow_serving.apis.model_service_pb2_grpc", "serving", "Serving over gRPC")
        options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # Otherwise two servers could unknowingly share a port.
        ]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

        async def listen():
            answers = _Answers(repository, max_message_bytes, EventLoopFutures())
            server = grpc.aio.server(options=options, maximum_concurrent_rpcs=max_concurrent_requests)
            prediction_service.add_PredictionServiceServicer_to_server(
                _servicer(grpc, prediction_service.PredictionServiceServicer, answers, ("Predict", "GetModelMetadata")),
                server,
            )
            model_service.add_ModelServiceServicer_to_server(
                _servicer(grpc, model_service.ModelServiceServicer, answers, ("GetModelStatus",)), server
            )
            return server, server.add_insecure_port(address)

        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="grpc", daemon=True)
        thread.start()
        try:
            self._server, self.port = _run(self._loop, listen())
        except RuntimeError as error:
            _end(self._loop, thread)
            raise UserError(
                f"Cannot listen for gRPC on {address}: the port is in use, or the address does not belong to this "
                "machine. Choose another port, or 0 for any free port."
            ) from error
        # For programs that end without calling `stop()`.
        self._finalizer = weakref.finalize(self, _end, self._loop, thread, self._server)

    def start(self) -> None:
        _run(self._loop, self._server.start())

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops the server: accepts no more requests and gives running ones time to finish.

        Args:
            grace_seconds: Float. How long running requests may take to finish.
        """
        if self._finalizer.alive:
            _run(self._loop, self._server.stop(grace_seconds))
            self._finalizer()


def _run(loop, coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


def _end(loop, thread, server=None):
    if threading.current_thread() is thread:  # The garbage collector can run in any thread, including the loop's.
        loop.create_task(server.stop(None)).add_done_callback(lambda _: loop.stop())
        return
    if server:
        _run(loop, server.stop(None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _servicer(grpc, base, answers, methods):
    """Creates an object of the generated class `base` whose `methods` are those of `answers`."""

    def answering(method):
        async def answer(self, request, context):
            try:
                return await getattr(answers, method)(request)
            except ServingError as error:
                refused = error
            except Exception:  # The client learns only that the request failed; the reason goes to the log.
                logger.exception("%s failed", method)
                refused = ServingError("INTERNAL", "The request failed inside the server. See the server's log.")
            await context.abort(getattr(grpc.StatusCode, refused.code), refused.message)

        return answer

    return type(f"Answering{base.__name__}", (base,), {method: answering(method) for method in methods})()


class _Answers:
    """Answers request messages with response messages, independently of gRPC."""

    def __init__(self, repository, max_tensor_bytes, futures):
        from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

        self._repository = repository
        self._max_tensor_bytes = max_tensor_bytes
        self._futures = futures
        self._predict_pb2 = predict_pb2
        self._metadata_pb2 = get_model_metadata_pb2
        self._status_pb2 = get_model_status_pb2

    async def Predict(self, request):
        servable = self._repository.lookup(*_target(request))
        if request.ByteSize() > _LARGE_BYTES:
            inputs = await asyncio.to_thread(self._read_inputs, request)
        else:
            inputs = self._read_inputs(request)
        signature_name = request.model_spec.signature_name
        outputs = await self._repository.predict_async(
            servable, signature_name, inputs, request.output_filter, self._futures.result
        )
        response = self._predict_pb2.PredictResponse()
        _fill_model_spec(response.model_spec, servable, signature_name or "serving_default")
        for name, array in outputs.items():
            write_tensor(response.outputs[name], array)
        return response

    def _read_inputs(self, request):
        return {name: read_tensor(name, tensor, self._max_tensor_bytes) for name, tensor in request.inputs.items()}

    async def GetModelMetadata(self, request):
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

    async def GetModelStatus(self, request):
        name, version, label = _target(request)
        response = self._status_pb2.GetModelStatusResponse()
        for status in self._repository.status(name, version, label):
            version_status = response.model_version_status.add(version=status.version)
            version_status.state = self._status_pb2.ModelVersionStatus.State.Value(status.state)
            version_status.status.error_code = error_codes_pb2.Code.Value(status.error_code)
            version_status.status.error_message = status.error_message
        return response


def _target(request):
    """Returns the name, version, and label of the requested model."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _fill_model_spec(spec, servable, signature_name) -> None:
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature_name
