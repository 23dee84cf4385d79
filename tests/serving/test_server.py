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
import threading
import time
import urllib.request

import pytest

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.serving import DynamicBatching, Server
from tfgan_suite.serving import server as server_module
from tfgan_suite.serving.version_poller import VersionPoller


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
    def missing(*_, **__):
        raise MissingExtraError("Serving over gRPC needs the package 'tensorflow_serving', which is not installed.")

    monkeypatch.setattr(server_module, "GrpcServer", missing)
    with Server(models_directory / "faces", rest_port=0) as server:
        assert server.grpc_port is None
        assert "tfgan-suite[serving]" in server.describe()
        with urllib.request.urlopen(f"{server.rest_url}/v1/models/faces") as answer:
            assert answer.status == 200
    assert "needs the package" in caplog.text


def test_without_aiohttp_the_extra_is_named(models_directory, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp.web", None)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    for name in ("http_connections", "http_exchange"):
        monkeypatch.delitem(sys.modules, f"tfgan_suite.serving.{name}", raising=False)
    with pytest.raises(MissingExtraError, match=r"needs the package 'aiohttp'.*tfgan-suite\[serving\]"):
        Server(models_directory / "faces", rest_port=0, grpc_port=0)


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


def test_versions_come_and_go_without_a_failed_request(tmp_path, models_directory):
    """A new version, a damaged one and one that goes, while two clients ask on."""
    base = tmp_path / "faces"
    shutil.copytree(models_directory / "faces" / "7", base / "7")
    body = json.dumps({"signature_name": "generate", "inputs": {"seed": 1, "count": 1, "truncation": 1.0}}).encode()
    failures, stopping = [], threading.Event()

    def drop(number, damaged=False):
        shutil.copytree(models_directory / "faces" / "7", base / f".export-{number}")
        if damaged:
            next((base / f".export-{number}" / "variables").glob("*.data-*")).write_bytes(b"damaged")
        (base / f".export-{number}").rename(base / str(number))

    with Server(base, rest_port=0, grpc_port=0, batching=DynamicBatching(), poll_seconds=0.05) as server:

        def states():
            with urllib.request.urlopen(f"{server.rest_url}/v1/models/faces", timeout=60) as answer:
                statuses = json.load(answer)["model_version_status"]
            return {int(status["version"]): (status["state"], status["status"]["error_message"]) for status in statuses}

        def wait_for(condition):
            deadline = time.monotonic() + 60
            while not condition(states()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert condition(states())

        def ask():
            while not stopping.is_set():
                try:
                    urllib.request.urlopen(f"{server.rest_url}/v1/models/faces:predict", body, timeout=60).close()
                except OSError as error:
                    failures.append(error)

        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        drop(8)
        wait_for(lambda found: found.get(8) == ("AVAILABLE", ""))
        drop(9, damaged=True)
        wait_for(lambda found: found.get(9, ("", ""))[0] == "END")
        assert "Could not load" in states()[9][1]
        with urllib.request.urlopen(f"{server.rest_url}/v1/models/faces/metadata", timeout=60) as answer:
            assert json.load(answer)["model_spec"]["version"] == "8"  # The highest that can be served.
        shutil.rmtree(base / "8")
        wait_for(lambda found: set(found) == {7, 9})
        stopping.set()
        for client in clients:
            client.join()
    assert not failures


def test_a_directory_that_cannot_be_read_for_a_moment_ends_no_polling(caplog):
    class Repository:
        looks = 0

        def refresh(self):
            self.looks += 1
            if self.looks == 1:
                raise PermissionError("not now")

    repository = Repository()
    poller = VersionPoller(repository, 0.001)
    poller.start()
    deadline = time.monotonic() + 20
    while repository.looks < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    poller.stop()
    assert repository.looks >= 3 and "Could not look for new versions: not now" in caplog.text


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
