"""Clients who are slow, or too many, against a handler without a model."""

import http.client
import socket
import threading
import time

import pytest

from tfgan_suite.serving.http_server import HttpHandler, HttpServer

LONG_ANSWER_BYTES = 64 << 20  # More than the sockets of a connection hold.


class Handler(HttpHandler):
    def answer(self, body):
        return "text/plain", bytes(LONG_ANSWER_BYTES) if self.path == "/long" else body


@pytest.fixture
def server(request):
    """One that waits half a second for its clients, or as long as a test's parameter says."""
    patience = getattr(request, "param", 0.5)
    running = HttpServer(Handler, "127.0.0.1", 0, max_body_bytes=1000, timeout_seconds=patience, max_connections=3)
    running.start()
    yield running
    running.stop(grace_seconds=0.1)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def answers(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/", b"hello")
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_until_free(server):
    deadline = time.monotonic() + 20
    while server._connections.connections and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not server._connections.connections


@pytest.mark.parametrize(
    "head",
    [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"],
    ids=["within the head", "within the body"],
)
def test_a_byte_now_and_then_does_not_keep_a_connection(server, head):
    start = time.monotonic()
    with connect(server) as client:
        client.sendall(head)
        with pytest.raises(OSError):  # The server has closed it.
            for _ in range(100):
                client.sendall(b"G")
                time.sleep(0.1)
    assert time.monotonic() - start < 8
    wait_until_free(server)


def test_an_answer_that_is_not_taken_is_given_up(server):
    with connect(server) as client:
        client.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        received = 0
        start = time.monotonic()
        while server._connections.connections and time.monotonic() - start < 20:
            received += len(client.recv(1000))
            time.sleep(0.02)
        assert received < LONG_ANSWER_BYTES and time.monotonic() - start < 10
    wait_until_free(server)


@pytest.mark.parametrize("server", [60], indirect=True, ids=["patient"])
def test_a_client_who_takes_it_has_the_whole(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/long")
    assert len(connection.getresponse().read()) == LONG_ANSWER_BYTES
    connection.close()


def test_too_many_connections_are_refused_until_one_goes(server):
    clients = [connect(server) for _ in range(3)]
    deadline = time.monotonic() + 20
    while len(server._connections.connections) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    with connect(server) as refused:
        answer = refused.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ") and b'"error": "Too many connections' in answer
        assert refused.recv(1000) == b""
    for client in clients:
        client.close()
    wait_until_free(server)
    assert answers(server) == (200, b"hello")


def test_leave_to_send_comes_at_once(server):
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_slow_clients_do_not_keep_others_waiting(server):
    stopping = threading.Event()

    def drip():
        with connect(server) as client:
            while not stopping.wait(0.1):
                try:
                    client.sendall(b"x")
                except OSError:
                    return

    threads = [threading.Thread(target=drip) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert answers(server) == (200, b"hello")
    stopping.set()
    for thread in threads:
        thread.join()
