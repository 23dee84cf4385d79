"""A server that is stopped answers what has been sent: clients with one connection each, against handlers without a model."""

import asyncio
import collections
import http.client
import socket
import threading
import time

import pytest

from tfgan_suite.serving.http_server import HttpHandler, HttpServer

NUM_CLIENTS = 32
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


class InThread(HttpHandler):
    def answer(self, body):
        time.sleep(0.05)
        return "text/plain", body


class OnLoop(HttpHandler):
    async def answer(self, body):
        await asyncio.sleep(0.05)
        return "text/plain", body


@pytest.fixture(params=[InThread, OnLoop])
def server(request):
    running = HttpServer(request.param, "127.0.0.1", 0, max_body_bytes=1000, timeout_seconds=60)
    running.start()
    yield running
    running.stop()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def receive_all(client):
    answer = b""
    while piece := client.recv(1 << 16):
        answer += piece
    return answer


class Clients:
    """Ask until they are told that their connection closes, or find none. `ends` counts how they ended."""

    def __init__(self, server, keep_alive):
        self.ends, self.num_answered = collections.Counter(), 0
        self._server, self._keep_alive, self._lock = server, keep_alive, threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(NUM_CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not (end := self._ask_on_one_connection()):
            pass
        with self._lock:
            self.ends[end] += 1

    def _ask_on_one_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=20)
        try:
            while True:
                try:
                    connection.request("POST", "/", b"hi")
                except OSError:
                    return "refused"
                try:
                    answer = connection.getresponse()
                    assert (answer.status, answer.read()) == (200, b"hi")
                except (OSError, http.client.HTTPException) as error:
                    return f"sent, but {error!r}"
                with self._lock:
                    self.num_answered += 1
                if not self._keep_alive:
                    return None
                if answer.will_close:
                    return "told"
        finally:
            connection.close()

    def join(self):
        for thread in self._threads:
            thread.join()


def test_nothing_that_was_sent_on_open_connections_is_lost(server):
    clients = Clients(server, keep_alive=True)
    time.sleep(0.5)
    start = time.monotonic()
    server.stop()
    seconds = time.monotonic() - start
    clients.join()
    assert clients.num_answered > NUM_CLIENTS and clients.ends == {"told": NUM_CLIENTS}
    assert seconds < 3  # Nobody waits for requests that do not come.


def test_nothing_that_was_sent_on_new_connections_is_lost(server):
    clients = Clients(server, keep_alive=False)
    time.sleep(0.3)
    server.stop()
    clients.join()
    assert clients.num_answered > NUM_CLIENTS and clients.ends == {"refused": NUM_CLIENTS}


def test_pipelined_requests_are_answered_to_the_last(server):
    with connect(server) as client:
        client.sendall((HEAD + b"ab") * 6)
        time.sleep(0.02)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        answer = receive_all(client)
        stopping.join()
    assert answer.count(b"HTTP/1.1 200 ") == 6
    assert answer.count(b"Connection: close") == 1 and b"Connection: close" in answer.rpartition(b"HTTP/1.1")[2]


def test_a_request_of_which_a_part_has_been_sent_is_answered(server):
    with connect(server) as head, connect(server) as body:
        head.sendall(HEAD[:30])
        body.sendall(HEAD + b"a")
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.3)
        head.sendall(HEAD[30:] + b"ab")
        body.sendall(b"b")
        assert all(receive_all(client).startswith(b"HTTP/1.1 200 ") for client in (head, body))
        stopping.join()


def test_connections_that_wait_to_be_accepted_are_answered(server):
    """While the event loop is busy, the system completes connections that it has not seen."""
    server._event_loop.loop.call_soon_threadsafe(time.sleep, 0.5)
    clients = [connect(server) for _ in range(5)]
    for client in clients:
        client.sendall(HEAD + b"ab")
    server.stop()
    for client in clients:
        assert receive_all(client).startswith(b"HTTP/1.1 200 ")
        client.close()


def test_an_idle_connection_is_closed_and_no_new_one_accepted(server):
    with connect(server) as client:
        client.sendall(HEAD + b"ab")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        start = time.monotonic()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.2)
        with pytest.raises(OSError):
            connect(server)
        client.sendall(HEAD + b"ab")  # It was on its way.
        assert b"Connection: close" in receive_all(client)
        stopping.join()
    assert time.monotonic() - start < 3


def test_the_grace_ends(server):
    with connect(server) as client:
        client.sendall(HEAD)  # The body never comes.
        time.sleep(0.1)
        start = time.monotonic()
        server.stop(grace_seconds=0.5)
        assert time.monotonic() - start < 3
        assert client.recv(1000) == b""


def test_a_client_that_has_closed_its_side_gets_its_answer(server):
    with connect(server) as client:
        client.sendall(HEAD + b"ab")
        client.shutdown(socket.SHUT_WR)
        answer = receive_all(client)
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ab")


def test_a_stopped_server_can_be_stopped_again_and_one_that_never_started(server):
    server.stop()
    server.stop()
    never = HttpServer(OnLoop, "127.0.0.1", 0, max_body_bytes=1000, timeout_seconds=60)
    never.stop()
    again = HttpServer(OnLoop, "127.0.0.1", never.port, max_body_bytes=1000, timeout_seconds=60)
    again.start()
    again.stop()
