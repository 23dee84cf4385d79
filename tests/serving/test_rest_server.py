"""The HTTP side: connections, sizes, encodings."""

import gzip
import http.client
import json
import socket
import threading
import time

import numpy as np
import pytest

from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.rest_server import RestServer

BODY = json.dumps({"signature_name": "generate", "inputs": {"seed": 1, "count": 1, "truncation": 1.0}}).encode()
PATH = "/v1/models/faces:predict"


@pytest.fixture
def connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def strict_server(models_directory):
    """Small bodies, little patience."""
    rest_server = RestServer(ModelRepository(models_directory / "faces"), "127.0.0.1", 0, 1000, timeout_seconds=0.5)
    rest_server.start()
    yield rest_server
    rest_server.stop()


def send_raw(port, data, finish=True):
    """Sends bytes as they are; returns all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(data)
        if finish:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(1 << 16):
            answer += piece
        return answer


def test_one_connection_answers_many_requests(connection):
    for _ in range(3):
        connection.request("POST", PATH, BODY)
        answer = connection.getresponse()
        assert (answer.status, answer.version) == (200, 11)
        assert len(answer.read()) == int(answer.headers["Content-Length"])
        first_socket = connection.sock
        connection.request("GET", "/v1/models/cats")  # A refusal keeps the connection too.
        assert connection.getresponse().read()
        assert connection.sock is first_socket is not None


def test_head_has_no_body(connection):
    connection.request("HEAD", "/v1/models/faces")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.request("GET", "/v1/models/faces")
    assert connection.getresponse().status == 200


def test_chunked_requests(connection):
    connection.request(
        "POST", PATH, iter([BODY[:10], BODY[10:]]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    answer = connection.getresponse()
    assert (answer.status, "outputs" in json.loads(answer.read())) == (200, True)
    connection.request("GET", "/v1/models/faces")  # The connection is still in step.
    assert connection.getresponse().status == 200


def test_gzip_requests_are_unpacked(connection, faces):
    halves = gzip.compress(BODY[:30]) + gzip.compress(BODY[30:])  # A file of two members is one file.
    for encoding, packed in (("gzip", gzip.compress(BODY)), ("x-gzip", halves), ("GZIP", gzip.compress(BODY))):
        connection.request("POST", PATH, packed, headers={"Content-Encoding": encoding})
        answer = connection.getresponse()
        assert answer.status == 200
        images = np.array(json.loads(answer.read())["outputs"], np.uint8)
        np.testing.assert_array_equal(images, faces.generate(1, seed=1))


@pytest.mark.parametrize(
    ("encoding", "packed", "status"),
    [
        ("gzip", BODY, 400),
        ("gzip", gzip.compress(BODY)[:-9], 400),
        ("gzip", gzip.compress(BODY) + b"rest", 400),
        ("br", BODY, 415),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), 415),
    ],
    ids=["not gzip", "cut off", "more behind it", "another", "twice"],
)
def test_packed_requests_that_are_refused(connection, encoding, packed, status):
    connection.request("POST", PATH, packed, headers={"Content-Encoding": encoding})
    answer = connection.getresponse()
    assert (answer.status, list(json.loads(answer.read()))) == (status, ["error"])
    connection.request("GET", "/v1/models/faces")  # The connection is still in step.
    assert connection.getresponse().status == 200


def test_a_small_body_cannot_become_a_large_one(strict_server):
    packed = gzip.compress(bytes(100 << 20), 9)[:900]
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    assert send_raw(strict_server.port, head.encode() + packed).startswith(b"HTTP/1.1 413 ")


def test_answers_are_packed_for_those_who_ask(connection):
    answers = {}
    for accepted in ("identity", "gzip", "deflate, gzip;q=0.5", "gzip;q=0, deflate", ""):
        connection.request("POST", PATH, BODY, headers={"Accept-Encoding": accepted})
        answer = connection.getresponse()
        content = answer.read()
        assert len(content) == int(answer.headers["Content-Length"])
        assert answer.headers["Vary"] == "Accept-Encoding"
        packed = answer.headers["Content-Encoding"] == "gzip"
        assert packed == (accepted in ("gzip", "deflate, gzip;q=0.5"))
        answers[accepted] = gzip.decompress(content) if packed else content
    assert len(set(answers.values())) == 1
    connection.request("GET", "/v1/models/faces", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()  # So short that it would not get shorter.
    assert answer.headers["Content-Encoding"] is None and answer.read().startswith(b"{")


def test_too_large_a_body_is_refused_before_it_is_read(strict_server):
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
    # With "Expect", the refusal comes instead of the leave to send.
    answer = send_raw(strict_server.port, f"{head}Expect: 100-continue\r\n\r\n".encode(), finish=False)
    assert answer.startswith(b"HTTP/1.1 413 ")
    # Without, it comes though the client sends on.
    answer = send_raw(strict_server.port, f"{head}\r\n".encode() + b"x" * 300_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'{\n "error": "The request is larger than 1000 bytes.' in answer
    # In chunks, it comes when they are too many.
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n" + b"x" * 501
    assert send_raw(strict_server.port, head + chunks).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"BREW /v1/models/faces HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
        b"GET /v1/models/faces HTTP/1.1\r\nHost: x\r\nname without colon\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/models/faces HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /v1/models/faces HTTP/1.1\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{}",
        b"GET http://[::1/v1/models/faces HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/models/\xff\xed\xa0\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=[
        *("no HTTP", "negative length", "length in words", "chunk without size", "unknown method", "HTTP 2", "CONNECT"),
        *(
            "no header",
            "long target",
            "long header",
            "no host",
            "ends early",
            "bad address",
            "path of no text",
            "two lengths",
            "length and chunks",
        ),
    ],
)
def test_broken_requests_get_an_error_in_json(strict_server, data, caplog):
    answer = send_raw(strict_server.port, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")) and b"application/json" in head, answer
    assert list(json.loads(body)) == ["error"] and b"Traceback" not in answer
    assert not caplog.records


def test_slow_clients_are_left(strict_server):
    start = time.monotonic()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    assert send_raw(strict_server.port, head + b"{", finish=False) == b""
    assert send_raw(strict_server.port, b"GET /v1/mod", finish=False) == b""
    assert time.monotonic() - start < 10


def test_a_client_that_leaves_does_no_harm(strict_server, faces):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", strict_server.port)) as client:
            client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    connection = http.client.HTTPConnection("127.0.0.1", strict_server.port, timeout=30)
    connection.request("POST", PATH, BODY)
    images = json.loads(connection.getresponse().read())["outputs"]
    np.testing.assert_array_equal(np.array(images, np.uint8), faces.generate(1, seed=1))
    connection.close()


def test_many_clients_at_once(server, faces):
    expected = {seed: faces.generate(1, seed=seed).tolist() for seed in range(16)}
    wrong = []

    def ask(seed):
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
        for _ in range(5):
            inputs = {"seed": seed, "count": 1, "truncation": 1.0}
            connection.request("POST", PATH, json.dumps({"signature_name": "generate", "inputs": inputs}))
            if json.loads(connection.getresponse().read()) != {"outputs": expected[seed]}:
                wrong.append(seed)
        connection.close()

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
