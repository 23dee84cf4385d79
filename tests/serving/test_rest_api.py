"""The REST API, asked by a client made of urllib alone."""

import base64
import contextlib
import http.client
import io
import json
import math

import numpy as np
import PIL.Image
import pytest

from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_server import RestServer


def seeded(**changes):
    return {"seed": 3, "count": 2, "truncation": 1.0, "labels": [], **changes}


# === The same picture in Keras and over the wire ===


@pytest.mark.parametrize("labels", [[], [2, 0, 1, 1]])
def test_generate_gives_the_images_of_keras(rest, digits, labels):
    body = {"signature_name": "generate", "inputs": seeded(seed=11, count=4, truncation=0.7, labels=labels)}
    status, answer = rest.predict("digits/versions/1", body)
    expected = digits.generate(4, labels=labels or None, truncation=0.7, seed=11)
    assert status == 200
    assert expected.std() > 10  # Not a grey field that would equal anything.
    np.testing.assert_array_equal(np.array(answer["outputs"], np.uint8), expected)


def test_row_format_answers_several_requests_at_once(rest, digits):
    rows = [seeded(seed=1, count=1, labels=[2]), seeded(seed=2**40, count=1, labels=[0], truncation=0.5)]
    status, answer = rest.predict("digits/versions/1", {"signature_name": "generate", "instances": rows})
    assert status == 200
    expected = [digits.generate(1, labels=2, seed=1)[0], digits.generate(1, labels=0, seed=2**40, truncation=0.5)[0]]
    np.testing.assert_array_equal(np.array(answer["predictions"], np.uint8), expected)


def test_png_is_the_same_image(rest, faces):
    inputs = {"seed": [5], "count": [1], "truncation": [1.0]}
    status, answer = rest.predict("faces", {"signature_name": "generate_png", "inputs": inputs})
    assert status == 200
    (encoded,) = answer["outputs"]
    assert list(encoded) == ["b64"]
    image = PIL.Image.open(io.BytesIO(base64.b64decode(encoded["b64"])))
    np.testing.assert_array_equal(np.asarray(image), faces.generate(1, seed=5)[0])


def test_latents_to_images_and_back_to_logits(rest, digits):
    latents = np.random.default_rng(0).uniform(-1, 1, [2, 8]).astype(np.float32)
    instances = [{"latents": row.tolist(), "labels": label} for row, label in zip(latents, [0, 2], strict=True)]
    status, answer = rest.predict("digits/versions/1", {"instances": instances})
    assert status == 200
    expected = digits(latents, np.array([0, 2])).numpy()
    np.testing.assert_allclose(np.array(answer["predictions"], np.float32), expected, atol=1e-6)

    images = digits.generate(2, labels=1, seed=0)
    inputs = {"images": images.tolist(), "labels": [1, 1]}
    status, answer = rest.predict("digits/versions/1", {"signature_name": "discriminate", "inputs": inputs})
    expected = digits.discriminate(images.astype(np.float32) / 127.5 - 1.0, np.array([1, 1]))
    np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)


def test_highest_version_answers_unless_another_is_named(rest, digits):
    body = {"signature_name": "generate", "inputs": seeded()}
    latest, second, first = (
        rest.predict(name, body)[1] for name in ("digits", "digits/versions/2", "digits/versions/1")
    )
    assert latest == second != first


# === Status and metadata ===


def test_status_has_the_form_of_tensorflow_serving(rest):
    status, answer = rest.request("/v1/models/digits")
    assert status == 200
    assert answer == {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            for version in ("2", "1")
        ]
    }
    status, answer = rest.request("/v1/models/digits/versions/1")
    assert [entry["version"] for entry in answer["model_version_status"]] == ["1"]


def test_metadata_tells_inputs_and_outputs(rest):
    status, answer = rest.request("/v1/models/digits/versions/1/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "generate", "generate_png", "discriminate"} <= set(signatures)
    latents = signatures["serving_default"]["inputs"]["latents"]
    assert latents["dtype"] == "DT_FLOAT"
    assert latents["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "8", "name": ""}],
        "unknown_rank": False,
    }
    assert signatures["generate"]["inputs"]["seed"]["tensor_shape"]["unknown_rank"] is True
    assert signatures["generate"]["method_name"] == "tensorflow/serving/predict"
    # Without classes there is no input for them.
    _, answer = rest.request("/v1/models/faces/metadata")
    assert set(answer["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]) == {"latents"}


# === Bytes, text and odd numbers ===


def test_bytes_come_and_go_as_base64_by_name(rest):
    raw = b"\x00\xff\x80"
    status, answer = rest.predict("echo", {"inputs": [{"b64": base64.b64encode(b"abc").decode()}, "\u00e4"]})
    assert status == 200
    assert answer["outputs"]["echo"] == ["abc", "\u00e4"]
    assert [base64.b64decode(item["b64"]) for item in answer["outputs"]["echo_bytes"]] == [b"abc", "\u00e4".encode()]
    assert answer["outputs"]["length"] == [3, 2]
    # Bytes that are no text, under a name that says text.
    status, answer = rest.predict("echo", {"instances": [{"b64": base64.b64encode(raw).decode()}]})
    assert (status, "_bytes" in answer["error"]) == (500, True)


def test_nan_and_infinity_pass_both_ways(rest):
    status, answer = rest.predict("echo", b'{"signature_name": "inverse", "inputs": [0, NaN, -Infinity, 5]}')
    assert status == 200
    infinite, nan, zero, fifth = answer["outputs"]
    assert infinite == math.inf and math.isnan(nan) and zero == 0.0
    assert fifth == 0.2  # As float32 would be written, not 0.20000000298023224.


# === Refusals ===

NOT_JSON = [
    b"",
    b"instances = [1]",
    b'{"instances": [1, }',
    b"\xff\xfe{}",
    b"[" * 100_000,
    b'{"inputs": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_no_json_is_refused(rest, body):
    status, answer = rest.predict("faces", body)
    assert status == 400
    assert answer["error"].startswith("JSON Parse error: ")


REFUSED = {
    "no object": ([1], "Is not object"),
    "neither format": ({"signature_name": "generate"}, "Missing 'inputs' or 'instances' key"),
    "both formats": ({"inputs": {}, "instances": []}, "expecting only one of"),
    "no rows": ({"instances": []}, "No values in 'instances' array"),
    "rows of no list": ({"instances": 1}, "to be an list/array"),
    "signature of no text": ({"signature_name": 1, "instances": []}, "'signature_name' key must be a string"),
    "unknown signature": ({"signature_name": "dream", "inputs": {}}, 'Serving signature name: "dream" not found'),
    "unnamed inputs": ({"instances": [[0.0] * 8]}, "expecting list of objects as multiple input tensors required"),
    "missing input": ({"inputs": {"latents": [[0] * 8]}}, "Missing named input: labels in 'inputs' object."),
    "missing input in a row": ({"instances": [{"labels": 1}]}, "keys must be equal to: labels,latents"),
    "unknown input": (
        {"inputs": {"latents": [[0] * 8], "labels": [0], "colour": 1}},
        "does not have named input: colour",
    ),
    "too narrow": (
        {"inputs": {"latents": [[0] * 7], "labels": [0]}},
        "[1,7] is not compatible with expected shape [?,8]",
    ),
    "uneven": ({"inputs": {"latents": [[0] * 8, [0]], "labels": [0, 0]}}, "list at unexpected size: 1"),
    "uneven depth": ({"inputs": {"latents": [[0] * 8, 0], "labels": [0, 0]}}, "found at incorrect level: 2"),
    "text for a number": (
        {"inputs": {"latents": [["0"] * 8], "labels": [0]}},
        "Type: String is not of expected type: float32",
    ),
    "null for a number": ({"inputs": {"latents": [[None] * 8], "labels": [0]}}, "Type: Null is not of expected type"),
    "fraction for an integer": (
        {"inputs": {"latents": [[0] * 8], "labels": [1.0]}},
        "1.0 Type: Number is not of expected type: int32",
    ),
    "boolean for an integer": ({"inputs": {"latents": [[0] * 8], "labels": [True]}}, "is not of expected type: int32"),
    "too large an integer": ({"inputs": {"latents": [[0] * 8], "labels": [2**31]}}, "is not of expected type: int32"),
    "inexact float": ({"inputs": {"latents": [[2**24 + 1] * 8], "labels": [0]}}, "without loss of precision"),
    "too large a float": ({"inputs": {"latents": [[1e39] * 8], "labels": [0]}}, "without loss of precision"),
    "nested deeply": (
        {"inputs": {"latents": eval("[" * 60 + "]" * 60), "labels": [0]}},
        "at most 32 deep. Received: 60 levels",
    ),
    "NaN latents": ({"inputs": {"latents": [[math.nan] * 8], "labels": [0]}}, "latents must be finite numbers"),
    "label out of range": ({"inputs": {"latents": [[0] * 8], "labels": [3]}}, "labels must be from 0 to 2"),
    "too few labels": ({"inputs": {"latents": [[0] * 8] * 2, "labels": [1]}}, "labels must be one for each image"),
    "too many rows": ({"inputs": {"latents": [[0] * 8] * 9, "labels": [0] * 9}}, "latents must hold 1 to 8 rows"),
    "huge count": ({"signature_name": "generate", "inputs": seeded(count=2**31 - 1)}, "count must be from 1 to 8"),
    "huge sum of counts": (
        {"signature_name": "generate", "instances": [seeded(count=2**31 - 1)] * 3},
        "count must be from 1 to 8",
    ),
    "negative count": ({"signature_name": "generate", "inputs": seeded(count=-1)}, "count must be from 1 to 8"),
    "count of zero": ({"signature_name": "generate_png", "inputs": seeded(count=0)}, "count must be from 1 to 8"),
    "truncation of NaN": (
        {"signature_name": "generate", "inputs": seeded(truncation=math.nan)},
        "truncation must be from 0",
    ),
    "labels for fewer": (
        {"signature_name": "generate", "inputs": seeded(labels=[1])},
        "labels must be one for each image",
    ),
    "negative label": ({"signature_name": "generate", "inputs": seeded(labels=[0, -1])}, "labels must be from 0 to 2"),
    "two seeds, one count": ({"signature_name": "generate", "inputs": seeded(seed=[1, 2])}, "one number each"),
    "pixel of 256": (
        {"signature_name": "discriminate", "inputs": {"images": [[[[256]] * 16] * 16], "labels": [0]}},
        "256 Type: Number is not of expected type: uint8",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_requests_are_refused_with_a_reason(rest, case):
    body, reason = REFUSED[case]
    status, answer = rest.predict("digits", body)
    assert status == 400
    assert list(answer) == ["error"]
    assert reason in answer["error"]
    assert len(answer["error"]) < 1000
    for internal in ("Traceback", "__inference", "node", "tfgan_suite"):
        assert internal not in answer["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/v1/models/cats", 404, "Could not find any versions of model cats"),
        ("GET", "/v1/models/digits/versions/9", 404, "Could not find version 9 of model digits"),
        ("GET", "/v1/models/cats/metadata", 404, "Servable not found for request: Latest(cats)"),
        ("GET", "/v1/models/digits/labels/stable", 400, "Unrecognized servable version label: stable"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
        ("GET", "/v1/models/digits:predict", 400, "Malformed request: GET /v1/models/digits:predict"),
        ("GET", "/", 404, "The path must be /v1/models/NAME. Received: /"),
        ("DELETE", "/v1/models/digits", 400, "Malformed request: DELETE /v1/models/digits"),
        ("POST", "/v1/models/cats:predict", 404, "Servable not found for request: Latest(cats)"),
        ("POST", "/v1/models/digits/versions/9:predict", 404, "Servable not found for request: Specific(digits, 9)"),
        ("POST", "/v1/models/digits/versions/99999999999999999999:predict", 400, "Failed to convert version"),
        ("POST", "/v1/models/digits/versions/one:predict", 400, "Malformed request"),
        ("POST", "/v1/models/digits:classify", 400, "Expected classification signature method_name to be"),
        ("POST", "/v1/models/digits:regress", 400, "Expected regression signature method_name to be"),
    ],
)
def test_wrong_paths_have_the_errors_of_tensorflow_serving(rest, method, path, status, error):
    body = b'{"instances": [1], "examples": [{}]}' if method == "POST" else None
    received_status, answer = rest.request(path, body, method)
    assert (received_status, answer["error"][: len(error)]) == (status, error)


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("OPTIONS", "/v1/models/digits:predict", 200, "POST, OPTIONS"),
        ("OPTIONS", "/v1/models/digits/versions/1/metadata", 200, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "*", 200, "GET, HEAD, POST, OPTIONS"),
        ("OPTIONS", "/nothing", 404, None),
        ("GET", "/v1/models/digits:predict", 400, "POST, OPTIONS"),
        ("PUT", "/v1/models/digits", 400, "GET, HEAD, OPTIONS"),
        ("POST", "/v1/models/digits", 400, "GET, HEAD, OPTIONS"),
        ("DELETE", "/healthz", 405, "GET, HEAD, OPTIONS"),
        ("POST", "/health/ready", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/v1/models/digits", 200, None),
        ("TRACE", "/", 404, None),
    ],
)
def test_methods_that_a_path_has(server, method, path, status, allowed):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Allow"]) == (status, allowed)
        assert answer.headers["Access-Control-Allow-Origin"] is None
        assert json.loads(answer.read()) == {} if status == 200 and method == "OPTIONS" else True


@pytest.mark.parametrize("path", ["/health", "/healthz", "/health/live", "/health/ready", "/livez", "/readyz"])
def test_health(rest, server, path, monkeypatch):
    assert rest.request(path) == (200, {"status": "SERVING"})
    monkeypatch.setattr(server.repository, "_statuses", {"digits": {}})  # Its versions have been deleted.
    status, answer = rest.request(path)
    assert status == (200 if "live" in path else 503) and ("error" in answer) == ("live" not in path)


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/robots.txt", "/v2/health/live", "/metrics"])
def test_probes_of_what_is_not_there_have_an_answer(rest, path, caplog):
    assert rest.request(path) == (404, {"error": f"The path must be /v1/models/NAME. Received: {path}"})
    assert not caplog.records


@pytest.mark.parametrize(
    "target", ["http://proxied.example:8501{}", "HTTP://u:p@proxied.example{}?x=1", "{}?http://a/b"]
)
def test_proxies_send_the_whole_address(server, faces, target):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)) as connection:
        inputs = {"seed": 1, "count": 1, "truncation": 1.0}
        body = json.dumps({"signature_name": "generate", "inputs": inputs})
        connection.request("POST", target.format("/v1/models/faces:predict"), body)
        images = np.array(json.loads(connection.getresponse().read())["outputs"], np.uint8)
        np.testing.assert_array_equal(images, faces.generate(1, seed=1))


SURROGATES = {
    "signature": b'{"signature_name": "\\ud800", "inputs": {}}',
    "the other half": b'{"signature_name": "\\uDFFF", "inputs": {}}',
    "input": b'{"inputs": {"\\ud800": 1}}',
    "in a row": b'{"instances": [{"\\uD8ab text": 1}]}',
    "value": b'{"inputs": {"text": ["\\ud83d"]}}',
    "bytes": b'{"inputs": [{"b64": "\\ud83d"}]}',
    "the wrong way around": b'{"signature_name": "\\ude00\\ud83d", "inputs": {}}',
    "no object": b'["\\ud800"]',
}


@pytest.mark.parametrize("case", SURROGATES)
def test_half_a_surrogate_pair_is_refused(rest, case, caplog):
    for model in ("echo", "digits", "cats"):
        status, answer = rest.predict(model, SURROGATES[case])
        assert (status, answer) == (400, {"error": "JSON Parse error: The surrogate pair in string is invalid."})
    assert not caplog.records


def test_a_whole_surrogate_pair_is_text(rest):
    assert rest.predict("echo", b'{"inputs": ["\\ud83d\\ude00", "\\\\ud800"]}')[1]["outputs"]["echo"] == [
        "\U0001f600",
        "\\ud800",
    ]
    status, answer = rest.predict("echo", b'{"signature_name": "\\ud83d\\ude00", "inputs": []}')
    assert (status, "\U0001f600" in answer["error"]) == (400, True)


@pytest.mark.parametrize("path", ["/v1/models/%ED%A0%80", "/v1/models/%ED%A0%80:predict", "/%ff", "/v1/%00"])
def test_paths_that_are_no_text_have_an_answer(rest, path, caplog):
    status, answer = rest.request(path)
    assert (status in (400, 404), list(answer)) == (True, ["error"])
    assert not caplog.records


def test_cors(models_directory):
    with rest_server(models_directory / "faces", cors=True) as server:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            headers = {"Origin": "http://page.example", "Access-Control-Request-Method": "POST"}
            connection.request("OPTIONS", "/v1/models/faces:predict", headers=headers)
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
            assert (
                answer.headers["Access-Control-Allow-Origin"] == answer.headers["Access-Control-Allow-Headers"] == "*"
            )
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            for method, path, status in (("GET", "/v1/models/faces", 200), ("GET", "/v1/models/cats", 404)):
                connection.request(method, path, headers=headers)  # A page may read why it was refused, too.
                answer = connection.getresponse()
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
                answer.read()


@contextlib.contextmanager
def rest_server(directory, **arguments):
    server = RestServer(ModelRepository(directory), "127.0.0.1", 0, **arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop(grace_seconds=0.1)


def test_classify_without_examples(rest):
    status, answer = rest.request("/v1/models/digits:classify", {})
    assert (status, answer["error"]) == (400, "When method is classify, key 'examples' is expected and was not found")


def test_outputs_without_a_common_batch_have_no_rows(rest):
    rows = [{"flags": True, "small": 1}, {"flags": False, "small": 2}]
    status, answer = rest.predict("echo", {"signature_name": "pair", "instances": rows})
    assert (status, "inconsistent batch size" in answer["error"]) == (400, True)
    columns = {"flags": [True, False], "small": [1, 2]}
    status, answer = rest.predict("echo", {"signature_name": "pair", "inputs": columns})
    assert (status, answer["outputs"]) == (200, {"flags": [True, False], "small": [1]})


def test_mixed_rows_are_refused(rest):
    status, answer = rest.predict("faces", {"instances": [{"latents": [0.0] * 8}, [0.0] * 8]})
    assert (status, answer["error"]) == (400, "Expecting object but got list at item 1 of input list")
    status, answer = rest.predict("faces", {"instances": [[0.0] * 8, {"latents": [0.0] * 8}]})
    assert (status, answer["error"]) == (400, "Expecting value/list but got object at item 1 of input list")


def test_a_bug_ends_the_request_without_telling_of_it(rest, server, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.repository, "lookup", fail)
    status, answer = rest.predict("digits", {"instances": [1]})
    assert (status, "secret" in answer["error"]) == (500, False)
