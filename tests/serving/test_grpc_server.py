"""gRPC, asked by a client made of the official messages alone."""

import gc
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.serving import Server
from tfgan_suite.serving.grpc_health import GrpcHealth, HealthCheckRequest
from tfgan_suite.serving.grpc_server import GrpcServer
from tfgan_suite.serving.model_repository import ModelRepository


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as open_channel:
        yield open_channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict_request(model="digits", signature="generate", version=None, inputs=None, **tensors):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in {**(inputs or {}), **tensors}.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def seeded(**changes):
    inputs = {
        "seed": np.int64(3),
        "count": np.int32(2),
        "truncation": np.float32(1.0),
        "labels": np.zeros([0], np.int32),
    }
    return {**inputs, **changes}


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=30)
    details = caught.value.details()
    for internal in ("Traceback", "__inference", "tfgan_suite"):
        assert internal not in details
    return caught.value.code(), details


# === Predict ===


def test_generate_gives_the_images_of_keras(prediction, digits):
    labels = np.array([2, 0], np.int32)
    response = prediction.Predict(predict_request(version=1, inputs=seeded(labels=labels)), timeout=30)
    assert response.model_spec.name == "digits"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "generate"
    assert list(response.outputs) == ["images"]
    images = tf.make_ndarray(response.outputs["images"])
    expected = digits.generate(2, labels=labels, seed=3)
    assert images.dtype == np.uint8 and expected.std() > 10
    np.testing.assert_array_equal(images, expected)


def test_vectors_of_one_are_scalars(prediction, faces):
    inputs = {
        "seed": np.array([4], np.int64),
        "count": np.array([3], np.int32),
        "truncation": np.array([0.5], np.float32),
    }
    response = prediction.Predict(predict_request("faces", inputs=inputs), timeout=30)
    np.testing.assert_array_equal(
        tf.make_ndarray(response.outputs["images"]), faces.generate(3, seed=4, truncation=0.5)
    )


def test_png_comes_as_bytes(prediction, faces):
    inputs = {name: value for name, value in seeded().items() if name != "labels"}
    response = prediction.Predict(predict_request("faces", "generate_png", inputs=inputs), timeout=30)
    encoded = tf.make_ndarray(response.outputs["png_bytes"])
    decoded = [tf.io.decode_png(png).numpy() for png in encoded]
    np.testing.assert_array_equal(decoded, faces.generate(2, seed=3))


def test_default_signature_and_output_filter(prediction, faces):
    latents = np.ones([1, 8], np.float32)
    request = predict_request("faces", signature="", latents=latents)
    request.output_filter.append("images")
    response = prediction.Predict(request, timeout=30)
    assert response.model_spec.signature_name == "serving_default"
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["images"]), faces(latents), atol=1e-6)
    request.output_filter.append("images")
    assert refusal(prediction.Predict, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "duplicate output tensor alias: images",
    )
    request.output_filter[:] = ["labels"]
    code, details = refusal(prediction.Predict, request)
    assert (code, "not found in signature: labels" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_strings_pass(prediction):
    response = prediction.Predict(predict_request("echo", "", text=[b"\x00\xff", "\u00e4".encode()]), timeout=30)
    assert tf.make_ndarray(response.outputs["echo_bytes"]).tolist() == [b"\x00\xff", "\u00e4".encode()]


NO_NAME = predict_pb2.PredictRequest()
NO_NAME.model_spec.signature_name = "generate"
REFUSED = {
    "no model_spec": (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    "no name": (NO_NAME, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    "unknown model": (predict_request("cats"), "NOT_FOUND", "Servable not found for request: Latest(cats)"),
    "unknown version": (predict_request(version=9), "NOT_FOUND", "Servable not found for request: Specific(digits, 9)"),
    "unknown signature": (
        predict_request(signature="dream"),
        "FAILED_PRECONDITION",
        'Serving signature key "dream" not found.',
    ),
    "missing inputs": (
        predict_request(seed=np.int64(1)),
        "INVALID_ARGUMENT",
        "Missing but required: {count,labels,truncation}",
    ),
    "unknown input": (predict_request(inputs=seeded(colour=1)), "INVALID_ARGUMENT", "Sent extra: {colour}"),
    "wrong type": (
        predict_request(inputs=seeded(seed=np.int32(1))),
        "INVALID_ARGUMENT",
        "Type mismatch: actual int32 vs. expect int64",
    ),
    "text for a number": (
        predict_request(inputs=seeded(seed=b"1")),
        "INVALID_ARGUMENT",
        "Type mismatch: actual string",
    ),
    "number for text": (predict_request("echo", "", text=[1.0]), "INVALID_ARGUMENT", "expect string"),
    "wrong shape": (
        predict_request("faces", "", latents=np.zeros([2, 3], np.float32)),
        "INVALID_ARGUMENT",
        "Shape of tensor latents [2,3] is not compatible with expected shape [?,8].",
    ),
    "no rows": (
        predict_request("faces", "", latents=np.zeros([0, 8], np.float32)),
        "INVALID_ARGUMENT",
        "latents must hold 1 to 8 rows",
    ),
    "huge count": (
        predict_request(inputs=seeded(count=np.int32(10**9))),
        "INVALID_ARGUMENT",
        "count must be from 1 to 8",
    ),
    "NaN": (
        predict_request("faces", "", latents=np.full([1, 8], np.nan, np.float32)),
        "INVALID_ARGUMENT",
        "latents must be finite numbers",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_requests_are_refused_with_a_reason(prediction, case):
    request, code, reason = REFUSED[case]
    received_code, details = refusal(prediction.Predict, request)
    assert received_code == getattr(grpc.StatusCode, code)
    assert reason in details


def test_a_small_message_cannot_name_a_huge_tensor(prediction):
    request = predict_request("faces", "", latents=np.zeros([1, 8], np.float32))
    tensor = request.inputs["latents"]
    tensor.ClearField("tensor_content")
    del tensor.float_val[:]
    tensor.float_val.append(1.0)
    tensor.tensor_shape.dim[0].size = 2**40
    code, details = refusal(prediction.Predict, request)
    assert (code, "would take more than" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    tensor.tensor_shape.dim[0].size = -1
    code, details = refusal(prediction.Predict, request)
    assert (code, "tensor parsing error: latents" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_contents_that_do_not_fill_the_shape_are_refused(prediction):
    request = predict_request("faces", "", latents=np.zeros([2, 8], np.float32))
    request.inputs["latents"].tensor_content = b"\x00" * 7
    code, details = refusal(prediction.Predict, request)
    assert (code, "tensor parsing error: latents" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_too_large_a_message_is_refused(server, caplog):
    small = GrpcServer(server.repository, "127.0.0.1", 0, max_message_bytes=1000)
    small.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{small.port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            request = predict_request("faces", "", latents=np.zeros([8, 80], np.float32))
            assert refusal(stub.Predict, request)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
            packed = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            with pytest.raises(grpc.RpcError) as caught:
                packed(bytes(1 << 20), timeout=30, compression=grpc.Compression.Gzip)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        small.stop()
    assert not caplog.records


def test_a_bug_ends_the_request_without_telling_of_it(prediction, server, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.repository, "lookup", fail)
    code, details = refusal(prediction.Predict, predict_request())
    assert (code, "secret" in details) == (grpc.StatusCode.INTERNAL, False)


class HeldServer:
    """Serves faces by a model that runs one call at a time, and only when it is let.

    `seeds` are those of its calls, `futures` those of all requests.
    """

    def __init__(self, models_directory, monkeypatch, **arguments):
        repository = ModelRepository(models_directory / "faces", max_concurrent=1)
        self.servable, self.may_run, self.seeds = repository.lookup("faces"), threading.Event(), []
        self._run = self.servable.run
        monkeypatch.setattr(self.servable, "run", self.run)
        self.futures, self._submit = [], repository._submit
        monkeypatch.setattr(repository, "_submit", self.submit)
        self._server = GrpcServer(repository, "127.0.0.1", 0, **arguments)
        self.stop = self._server.stop

    def run(self, signature_name, inputs):
        self.seeds.append(int(inputs["seed"]))
        assert self.may_run.wait(30)
        return self._run(signature_name, inputs)

    def submit(self, *request):
        self.futures.append(self._submit(*request))
        return self.futures[-1]

    def __enter__(self):
        self._server.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._server.port}")
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self.models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        return self

    def __exit__(self, *exception):
        self._channel.close()
        self._server.stop()

    def ask(self, seed, timeout=30.0):
        inputs = {"seed": np.int64(seed), "count": np.int32(1), "truncation": np.float32(1.0)}
        return self._predict.future(predict_request("faces", inputs=inputs), timeout=timeout)


def wait_for(condition):
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def test_who_gives_up_is_not_computed(models_directory, monkeypatch):
    """While a first request runs, the second is cancelled by its client and the third passes its deadline."""
    with HeldServer(models_directory, monkeypatch) as server:
        first = server.ask(0)
        wait_for(lambda: server.seeds == [0])
        second = server.ask(1)
        wait_for(lambda: len(server.futures) == 2)
        second.cancel()
        assert server.ask(2, timeout=2.0).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        last = server.ask(3)
        wait_for(lambda: [future.cancelled() for future in server.futures] == [False, True, True, False])
        server.may_run.set()
        assert first.code() == last.code() == grpc.StatusCode.OK
    assert server.seeds == [0, 3]


def test_what_is_being_answered_when_the_server_stops_is_finished(models_directory, monkeypatch):
    with HeldServer(models_directory, monkeypatch) as server:
        requests = [server.ask(0), server.ask(1)]
        wait_for(lambda: len(server.futures) == 2)
        stopping = threading.Thread(target=server.stop, args=(30.0,))
        stopping.start()
        wait_for(lambda: server.ask(2, timeout=2.0).code() == grpc.StatusCode.UNAVAILABLE)
        assert stopping.is_alive() and not any(request.done() for request in requests)
        server.may_run.set()
        assert [request.code().name for request in requests] == ["OK", "OK"]
        stopping.join(30)
        assert not stopping.is_alive()
    assert sorted(server.seeds) == [0, 1]


def test_others_are_answered_while_the_model_runs(models_directory, monkeypatch):
    with HeldServer(models_directory, monkeypatch) as server:
        running = server.ask(0)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "faces"
        assert server.models.GetModelStatus(request, timeout=10).model_version_status[0].version == 7
        assert not running.done()
        server.may_run.set()
        assert running.code() == grpc.StatusCode.OK


def test_too_many_requests_are_refused(models_directory, monkeypatch):
    with HeldServer(models_directory, monkeypatch, max_concurrent_requests=3) as server:
        requests = [server.ask(seed) for seed in range(5)]
        wait_for(lambda: sum(request.done() for request in requests) == 2)
        server.may_run.set()
        codes = [request.code().name for request in requests]
    assert sorted(codes) == ["OK"] * 3 + ["RESOURCE_EXHAUSTED"] * 2


def test_large_requests_and_answers(prediction):
    """Larger than what is read on the event loop itself."""
    numbers = np.arange(1, 100_001, dtype=np.float32)
    response = prediction.Predict(predict_request("echo", "inverse", x=numbers), timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["inverse"]), 1 / numbers, rtol=1e-6)


@pytest.mark.parametrize("in_its_own_thread", [False, True])
def test_a_server_that_is_forgotten_ends(server, in_its_own_thread):
    before = set(threading.enumerate())
    forgotten = GrpcServer(server.repository, "127.0.0.1", 0)
    forgotten.start()
    (thread,) = [one for one in set(threading.enumerate()) - before if one.name == "event loop"]
    port = forgotten.port
    if in_its_own_thread:  # Where the garbage collector may run.
        event_loop = forgotten._event_loop
        event_loop.loop.call_soon_threadsafe(event_loop._finalizer)
        thread.join(30)
        del event_loop
    del forgotten
    gc.collect()
    assert not thread.is_alive()
    again = GrpcServer(server.repository, "127.0.0.1", port)  # The port is free.
    again.stop()


# === Metadata and status ===


def test_metadata(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "digits"
    response = prediction.GetModelMetadata(request, timeout=30)
    assert (response.model_spec.name, response.model_spec.version.value) == ("digits", 2)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert isinstance(response.metadata["signature_def"], any_pb2.Any)
    assert response.metadata["signature_def"].Unpack(signatures)
    generate = signatures.signature_def["generate"]
    assert set(generate.inputs) == {"seed", "count", "truncation", "labels"}
    assert generate.outputs["images"].dtype == tf.uint8.as_datatype_enum
    assert [dim.size for dim in generate.outputs["images"].tensor_shape.dim] == [-1, 16, 16, 1]

    del request.metadata_field[:]
    assert refusal(prediction.GetModelMetadata, request)[0] == grpc.StatusCode.INVALID_ARGUMENT
    request.metadata_field.append("weights")
    assert refusal(prediction.GetModelMetadata, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Metadata field weights is not supported",
    )
    request.ClearField("model_spec")
    assert refusal(prediction.GetModelMetadata, request) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_status(models):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "digits"
    response = models.GetModelStatus(request, timeout=30)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(status.version, status.state) for status in response.model_version_status] == [
        (2, available),
        (1, available),
    ]
    assert response.model_version_status[0].status.error_code == 0
    request.model_spec.version.value = 1
    assert [status.version for status in models.GetModelStatus(request, timeout=30).model_version_status] == [1]
    request.model_spec.version.value = 5
    assert refusal(models.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find version 5 of model digits",
    )
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "cats"
    assert refusal(models.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find any versions of model cats",
    )


def test_what_generators_cannot_do_is_unimplemented(prediction, models, caplog):
    for call, request in [
        (prediction.Classify, classification_pb2.ClassificationRequest()),
        (prediction.Regress, regression_pb2.RegressionRequest()),
        (prediction.MultiInference, inference_pb2.MultiInferenceRequest()),
        (models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()),
    ]:
        code, details = refusal(call, request)
        assert code == grpc.StatusCode.UNIMPLEMENTED
        assert details.startswith("This server answers Predict and GetModelMetadata of tensorflow.serving.Prediction")
    assert not caplog.records


@pytest.mark.parametrize("method", ["/x", "//", "/a.b/C", "/grpc.health.v1.Health/List"])
def test_methods_that_are_not_there_are_unimplemented(channel, method, caplog):
    assert refusal(channel.unary_unary(method), b"x")[0] == grpc.StatusCode.UNIMPLEMENTED
    stream = channel.stream_stream(method)
    assert refusal(lambda requests, timeout: list(stream(iter(requests), timeout=timeout)), [b"x"] * 3)[0] == (
        grpc.StatusCode.UNIMPLEMENTED
    )
    assert not caplog.records


METHODS = [
    "/tensorflow.serving.PredictionService/Predict",
    "/tensorflow.serving.PredictionService/GetModelMetadata",
    "/tensorflow.serving.ModelService/GetModelStatus",
    "/grpc.health.v1.Health/Check",
]
MALFORMED = {
    "no field": b"\xff\xff\xff",
    "cut off": predict_request("faces", "").SerializeToString()[:-1],
    "half a surrogate pair": b"\x0a\x05\x0a\x03\xed\xa0\x80",
    "large": b"\xff" * 100_000,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_messages_are_refused(channel, method, case, caplog):
    code, details = refusal(channel.unary_unary(method), MALFORMED[case])
    assert (code, "cannot be parsed" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert not caplog.records


@pytest.mark.parametrize("method", METHODS)
def test_a_call_without_a_message_is_refused(channel, method, caplog):
    code, details = refusal(channel.stream_unary(method), iter([]))
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "The call has no message.")
    assert not caplog.records


# === Health ===


def health_of(channel, service=""):
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check", response_deserializer=wrappers_pb2.Int32Value.FromString
    )
    return check(wrappers_pb2.StringValue(value=service).SerializeToString(), timeout=30).value


def test_health(channel, server, monkeypatch):
    for service in ("", "PredictionService", "ModelService", "tensorflow.serving.PredictionService"):
        assert health_of(channel, service) == 1  # SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health_of(channel, "cats")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    monkeypatch.setattr(server.repository, "_statuses", {"faces": {}})
    assert health_of(channel) == 2  # NOT_SERVING


def test_messages_of_health_are_those_of_the_protocol():
    """As `health.proto` declares them; the server uses others of the same bytes."""
    file = descriptor_pb2.FileDescriptorProto(name="health.proto", package="grpc.health.v1", syntax="proto3")
    request, response = file.message_type.add(name="Request"), file.message_type.add(name="Response")
    request.field.add(name="service", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    response.field.add(name="status", number=1, type="TYPE_ENUM", type_name="Status", label="LABEL_OPTIONAL")
    status = file.enum_type.add(name="Status")
    for number, name in enumerate(["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]):
        status.value.add(name=name, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.health.v1.{name}"))
        for name in ("Request", "Response")
    ]
    assert HealthCheckRequest.FromString(classes[0](service="a b").SerializeToString()).value == "a b"
    health = GrpcHealth(ModelRepositoryStub())
    assert classes[1].FromString(health.check("")).status == 1


class ModelRepositoryStub:
    is_ready = True


def test_health_is_watched_until_the_server_stops():
    repository = ModelRepositoryStub()
    server = GrpcServer(repository, "127.0.0.1", 0)
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch", response_deserializer=wrappers_pb2.Int32Value.FromString
        )
        watched = watch(b"", timeout=60)
        unknown = watch(wrappers_pb2.StringValue(value="cats").SerializeToString(), timeout=60)
        assert (next(watched).value, next(unknown).value) == (1, 3)
        repository.is_ready = False
        assert next(watched).value == 2
        repository.is_ready = True
        assert next(watched).value == 1
        stopping = threading.Thread(target=server.stop, args=(30.0,))
        stopping.start()
        assert [status.value for status in watched] == [2]
        assert list(unknown) == []
        stopping.join(10)  # Those who watch do not keep it.
        assert not stopping.is_alive()


def test_a_taken_port_is_told(models_directory, server):
    with pytest.raises(UserError, match="Cannot listen for gRPC"):
        Server(models_directory / "faces", rest_port=0, grpc_port=server.grpc_port)
