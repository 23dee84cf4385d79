"""The whole server, as a user starts it."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tfgan_suite.errors import MissingExtraError, UserError
from tfgan_suite.serving import Server
from tfgan_suite.serving import server as server_module


def test_listens_on_one_address_alone(server):
    assert server.rest_url == f"http://127.0.0.1:{server.rest_port}"
    for port in (server.rest_port, server.grpc_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=2)  # Another address of this machine.


def test_describe_tells_what_to_do(server):
    text = server.describe()
    assert f"127.0.0.1:{server.grpc_port}" in text
    for line in (
        "model digits version 1: AVAILABLE",
        "model digits version 2: AVAILABLE",
        "model faces version 7: AVAILABLE",
    ):
        assert line in text
    assert "authentication" not in text


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_command_works(server):
    command = shlex.split(server.describe().splitlines()[-1])
    assert command[0] == "curl"
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert list(answer["outputs"][0]) == ["b64"]


def test_a_taken_port_is_told_and_leaves_nothing_open(models_directory, server):
    with pytest.raises(UserError, match=f"Cannot listen for REST on 127.0.0.1:{server.rest_port}"):
        Server(models_directory / "faces", rest_port=server.rest_port, grpc_port=0)


def test_without_the_extra_there_is_rest_alone(models_directory, monkeypatch, caplog):
    def missing(*_):
        raise MissingExtraError("Serving over gRPC needs the package 'tensorflow_serving', which is not installed.")

    monkeypatch.setattr(server_module, "GrpcServer", missing)
    with Server(models_directory / "faces", rest_port=0) as server:
        assert server.grpc_port is None
        assert "tfgan-suite[serving]" in server.describe()
        with urllib.request.urlopen(f"{server.rest_url}/v1/models/faces") as answer:
            assert answer.status == 200
    assert "needs the package" in caplog.text


def test_stop_closes_idle_connections_and_the_port(models_directory):
    with Server(models_directory / "faces", rest_port=0, grpc_port=0) as server:
        client = socket.create_connection(("127.0.0.1", server.rest_port), timeout=30)
        client.sendall(b"GET /v1/models/faces HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert client.recv(1) == b""
    client.close()
    for port in (server.rest_port, server.grpc_port):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_when_told(models_directory, number):
    program = (
        "from tfgan_suite.serving import serve\n"
        f"serve({str(models_directory / 'faces')!r}, rest_port=0, grpc_port=0, model_name='people')\n"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        url = re.fullmatch(r"REST  (http://127\.0\.0\.1:[0-9]+)\n", process.stdout.readline())[1]
        with urllib.request.urlopen(f"{url}/v1/models/people") as answer:
            assert json.load(answer)["model_version_status"][0]["version"] == "7"
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert output.endswith("Stopped.\n")
    assert "Traceback" not in errors
