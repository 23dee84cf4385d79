"""The HTTP side: connections, sizes, encodings."""

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


def test_compressed_requests_are_refused(connection):
    connection.request("POST", PATH, BODY, headers={"Content-Encoding": "gzip"})
    assert connection.getresponse().status == 415


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
    assert send_raw(strict_server.port, head + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/models/faces:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"BREW /v1/models/faces HTTP/1.1\r\n\r\n",
    ],
    ids=["no HTTP", "negative length", "length in words", "chunk without size", "unknown method"],
)
def test_broken_requests_get_an_error_in_json(strict_server, data):
    answer = send_raw(strict_server.port, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    # A first line that is no HTTP is answered as HTTP 0.9 would be, by the body alone.
    assert head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b'{\n "error"')), answer
    assert b'"error"' in answer and b"Traceback" not in answer


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
