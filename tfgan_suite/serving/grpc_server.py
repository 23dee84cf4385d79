"""TensorFlow Serving's gRPC services over a `ModelRepository`. Requires the extra `serving`.

Supports `Predict` and `GetModelMetadata` of `PredictionService`, `GetModelStatus` of `ModelService`, and gRPC's health
service; all other calls are answered with `UNIMPLEMENTED`.
"""

import asyncio
import logging
import math
import time

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import error_codes_pb2

from tfgan_suite.foundation.errors import UserError, import_extra
from tfgan_suite.serving.body_budget import BodyBudget
from tfgan_suite.serving.event_loop_thread import EventLoopThread
from tfgan_suite.serving.grpc_health import SERVICE as HEALTH
from tfgan_suite.serving.grpc_health import GrpcHealth, HealthCheckRequest
from tfgan_suite.serving.large_bodies import LARGE_BYTES, in_turn
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.serving_error import ServingError, invalid_argument
from tfgan_suite.serving.tensor_messages import read_tensor, write_tensor

logger = logging.getLogger(__name__)

_PREDICTION = "tensorflow.serving.PredictionService"
_MODELS = "tensorflow.serving.ModelService"
_SIGNATURE_DEF = "signature_def"
_QUIET_SECONDS = 0.25  # A server that stops refuses calls until none has come for this long,
_REFUSING_SECONDS = 1.0  # or at most for this long.


class GrpcServer:
    """Answers gRPC requests on an event loop, until `stop()` is called.

    Args:
        repository: A `ModelRepository`. The models to serve.
        host: String. Address to listen on.
        port: Integer. TCP port to listen on. 0 picks any free port.
        max_message_bytes: Integer. Maximum size of a request. Larger requests are refused with `RESOURCE_EXHAUSTED`;
            tensors that would be larger in memory are refused with `INVALID_ARGUMENT`.
        max_concurrent_requests: Integer. Maximum number of requests that are running or waiting at the same time. Any
            more are refused with `RESOURCE_EXHAUSTED`, before their message is read: messages that arrive take at most this
            many times `max_message_bytes`.
        budget: A `BodyBudget` that all servers on the event loop share, or `None` for one of its own. Requests that
            exceed it are refused with `RESOURCE_EXHAUSTED`.
        event_loop: An `EventLoopThread`, or `None` for one of its own.

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
        *,
        budget: BodyBudget | None = None,
        event_loop: EventLoopThread | None = None,
    ):
        grpc = import_extra("grpc", "serving", "Serving over gRPC")
        import_extra("tensorflow_serving.apis", "serving", "Serving over gRPC")
        options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # Otherwise two servers could unknowingly share a port.
        ]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._own_event_loop = EventLoopThread() if event_loop is None else None
        self._event_loop = event_loop or self._own_event_loop
        futures = self._event_loop.futures

        async def listen():
            health = GrpcHealth(repository)
            answers = _Answers(repository, max_message_bytes, futures)
            methods = _Methods(grpc, answers, health, budget or BodyBudget())
            server = grpc.aio.server(
                handlers=[methods], options=options, maximum_concurrent_rpcs=max_concurrent_requests
            )
            return health, methods, server, server.add_insecure_port(address)

        try:
            self._health, self._methods, server, self.port = self._event_loop.run(listen())
        except RuntimeError as error:
            if self._own_event_loop:
                self._own_event_loop.stop()
            raise UserError(
                f"Cannot listen for gRPC on {address}: the port is in use, or the address does not belong to this "
                "machine. Choose another port, or 0 for any free port."
            ) from error
        self._server = server
        self._event_loop.before_end(lambda: server.stop(None))

    def start(self) -> None:
        self._event_loop.run(self._server.start())

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops the server: refuses new requests with `UNAVAILABLE` and gives running ones time to finish.

        Args:
            grace_seconds: Float. How long running requests may take to finish.
        """
        if self._event_loop.is_running:
            self._event_loop.run(self.drain(grace_seconds))
            if self._own_event_loop:
                self._own_event_loop.stop()

    async def drain(self, grace_seconds: float) -> None:
        """Like `stop`, on the event loop, which goes on."""
        self._health.stop()
        self._methods.is_stopping = True
        # gRPC drops calls that arrive while it stops, which clients see as cancelled and therefore do not repeat.
        begin = now = time.monotonic()
        while now - self._methods.asked_at < _QUIET_SECONDS and now - begin < min(_REFUSING_SECONDS, grace_seconds):
            await asyncio.sleep(0.01)
            now = time.monotonic()
        await self._server.stop(max(0.0, begin + grace_seconds - now))


class _Methods:
    """Finds the handler of a method, as a `grpc.GenericRpcHandler`.

    Messages are parsed here rather than by gRPC, which logs a traceback for one that is malformed, and answers `UNKNOWN`.
    The generated classes do likewise for methods that are not overridden.

    Attributes:
        asked_at: Float. When the last call arrived, as told by `time.monotonic()`.
        is_stopping: Boolean. Whether to refuse calls.
    """

    def __init__(self, grpc, answers, health, budget):
        from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

        self.asked_at = -math.inf
        self.is_stopping = False
        self._grpc = grpc
        self._health = health
        self._budget = budget
        self._handlers = {
            f"/{_PREDICTION}/Predict": self._answering(answers.Predict, predict_pb2.PredictRequest),
            f"/{_PREDICTION}/GetModelMetadata": self._answering(
                answers.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest
            ),
            f"/{_MODELS}/GetModelStatus": self._answering(
                answers.GetModelStatus, get_model_status_pb2.GetModelStatusRequest
            ),
            f"/{HEALTH}/Check": self._answering(self._check, HealthCheckRequest),
            f"/{HEALTH}/Watch": grpc.stream_stream_rpc_method_handler(self._watch),
        }
        self._unknown = grpc.stream_stream_rpc_method_handler(self._refuse)
        self._stopping = grpc.stream_stream_rpc_method_handler(self._refuse_while_stopping)

    def service(self, details):
        """Returns the handler of a method. Called by gRPC."""
        self.asked_at = time.monotonic()
        if self.is_stopping and not details.method.startswith(f"/{HEALTH}/"):
            return self._stopping
        return self._handlers.get(details.method, self._unknown)

    def _answering(self, method, message_class):
        """Creates the handler of a method that takes and returns one message."""

        async def answer(_, context):
            try:
                data = await self._read(context)
                with self._budget.share() as share:
                    share.take(len(data))
                    response = await method(await _parse(message_class, data))
                    return response if isinstance(response, bytes) else response.SerializeToString()
            except ServingError as error:
                refused = error
            except Exception:  # The client learns only that the request failed; the reason goes to the log.
                logger.exception("%s failed", method.__name__)
                refused = ServingError("INTERNAL", "The request failed inside the server. See the server's log.")
            await self._abort(context, refused)

        # As far as the wire goes, one request is a stream of one. gRPC would wait forever for one that does not come.
        return self._grpc.stream_unary_rpc_method_handler(answer)

    async def _read(self, context):
        data = await context.read()
        if data is self._grpc.aio.EOF:
            raise invalid_argument("The call has no message.")
        return data

    async def _abort(self, context, error):
        try:
            await context.abort(getattr(self._grpc.StatusCode, error.code), error.message)
        except self._grpc.aio.AbortError:
            raise
        except Exception as reason:  # gRPC has already ended the call, such as for a message that is too large.
            raise asyncio.CancelledError from reason

    async def _check(self, request):
        return self._health.check(request.value)

    async def _watch(self, _, context):
        try:
            request = await _parse(HealthCheckRequest, await self._read(context))
        except ServingError as error:
            await self._abort(context, error)
        async for status in self._health.watch(request.value):
            yield status

    async def _refuse(self, _, context):
        known = f"Predict and GetModelMetadata of {_PREDICTION}, GetModelStatus of {_MODELS}, and {HEALTH}"
        await self._abort(context, ServingError("UNIMPLEMENTED", f"This server answers {known}."))

    async def _refuse_while_stopping(self, _, context):
        await self._abort(context, ServingError("UNAVAILABLE", "The server is stopping."))


async def _parse(message_class, data):
    try:
        if len(data) > LARGE_BYTES:
            return await in_turn(message_class.FromString, data)
        return message_class.FromString(data)
    except DecodeError as error:
        raise invalid_argument("The message cannot be parsed as a request of this method.") from error


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
        if request.ByteSize() > LARGE_BYTES:
            inputs = await in_turn(self._read_inputs, request)
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
