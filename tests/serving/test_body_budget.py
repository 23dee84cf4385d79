"""The bodies of all requests in work are bounded in sum, over both wires."""

import asyncio
import http.client
import socket
import threading
import time

import grpc
import pytest

from tfgan_suite.serving.body_budget import BodyBudget
from tfgan_suite.serving.event_loop_thread import EventLoopThread
from tfgan_suite.serving.grpc_server import GrpcServer
from tfgan_suite.serving.http_server import HttpHandler, HttpServer
from tfgan_suite.serving.serving_error import ServingError

HALF = 500_000


class Held(HttpHandler):
    """Answers when it is let."""

    gate: threading.Event

    def answer(self, body):
        assert self.gate.wait(30)
        return "text/plain", str(len(body)).encode()


@pytest.fixture
def event_loop():
    running = EventLoopThread()
    yield running
    running.stop()


@pytest.fixture
def held(event_loop):
    budget, gate = BodyBudget(2 * HALF, free_bytes=0), threading.Event()
    server = HttpServer(Held, "127.0.0.1", 0, 2 * HALF, 60.0, budget=budget, event_loop=event_loop, gate=gate)
    server.start()
    yield server, budget, gate
    gate.set()
    server.stop()


def send(server, num_bytes):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/", bytes(num_bytes))
    return connection


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_share_is_given_back():
    budget = BodyBudget(10, free_bytes=0)
    with budget.share() as first, budget.share() as second:
        first.take(4)
        second.take(6)
        with pytest.raises(ServingError) as caught:
            first.take(1)
        assert (caught.value.code, caught.value.http_status) == ("RESOURCE_EXHAUSTED", 503)
        assert budget.num_bytes == 10
    assert budget.num_bytes == 0


def test_large_bodies_do_not_keep_small_ones_out():
    budget = BodyBudget(10, free_bytes=5)
    with budget.share() as large, budget.share() as small:
        large.take(3)
        large.take(12)
        assert budget.num_bytes == 10
        small.take(1)
        small.take(4)
        with pytest.raises(ServingError):
            small.take(1)
    assert budget.num_bytes == 0


def test_what_exceeds_it_is_refused_until_others_are_answered(held):
    server, budget, gate = held
    first, second = send(server, HALF), send(server, HALF)
    wait_until(lambda: budget.num_bytes == 2 * HALF)
    for num_bytes in (1, HALF):
        answer = send(server, num_bytes).getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert b"Try again later" in answer.read()
    assert budget.num_bytes == 2 * HALF
    gate.set()
    assert [connection.getresponse().read() for connection in (first, second)] == [str(HALF).encode()] * 2
    wait_until(lambda: budget.num_bytes == 0)
    assert send(server, HALF).getresponse().status == 200


def test_what_has_not_arrived_takes_nothing(held):
    server, budget, gate = held
    gate.set()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * HALF}\r\n\r\n".encode())
        assert send(server, 2 * HALF).getresponse().status == 200
        client.sendall(bytes(HALF))
        wait_until(lambda: budget.num_bytes == HALF)
    wait_until(lambda: budget.num_bytes == 0)  # The client has left.


def test_grpc_shares_it(event_loop, caplog):
    async def take(num_bytes):
        budget.num_bytes += num_bytes

    budget = BodyBudget(1000, free_bytes=0)
    server = GrpcServer(None, "127.0.0.1", 0, budget=budget, event_loop=event_loop)
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        event_loop.run(take(990))
        with pytest.raises(grpc.RpcError) as caught:
            check(b"\x0a\x10" + b"x" * 16, timeout=20)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        event_loop.run(take(-990))
        with pytest.raises(grpc.RpcError) as caught:
            check(b"\x0a\x10" + b"x" * 16, timeout=20)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert budget.num_bytes == 0 and not caplog.records
    server.stop()
    assert event_loop.run(asyncio.sleep(0, "still running")) == "still running"


def test_calls_count_before_their_messages_arrive(event_loop):
    """So that messages on their way are bounded in sum too: by the number of calls, times the largest message."""
    server = GrpcServer(None, "127.0.0.1", 0, max_message_bytes=1000, max_concurrent_requests=2, event_loop=event_loop)
    server.start()
    may_send = threading.Event()

    def late():
        assert may_send.wait(30)
        yield b"\x0a\x01x"

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")

        def code(message):
            with pytest.raises(grpc.RpcError) as caught:
                check(message, timeout=20)
            return caught.value.code()

        waiting = [channel.stream_unary("/grpc.health.v1.Health/Check").future(late(), timeout=30) for _ in range(2)]
        wait_until(lambda: code(b"\x0a\x01x") == grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert not any(call.done() for call in waiting)
        may_send.set()
        assert [call.code() for call in waiting] == [grpc.StatusCode.NOT_FOUND] * 2
        wait_until(lambda: code(b"\x0a\x01x") == grpc.StatusCode.NOT_FOUND)
        assert (
            code(b"\x0a\xe8\x07" + b"x" * 1000) == grpc.StatusCode.RESOURCE_EXHAUSTED
        )  # Larger than a message may be.
    server.stop()
