"""Many clients over both wires, until the server is stopped under them: none is left without an answer, and memory is bounded."""

import collections
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tfgan_suite.serving import DynamicBatching, Server

INPUTS = {"seed": 1, "count": 1, "truncation": 1.0}
BODY = json.dumps({"signature_name": "generate_png", "inputs": INPUTS}).encode()
PREDICT = "/tensorflow.serving.PredictionService/Predict"
MEBIBYTE = 1 << 20


class Load:
    """Clients in threads, each of which asks on a connection of its own. `ends` counts how they ended."""

    def __init__(self, rest_port, grpc_port, num_clients):
        self.ends, self.num_answered = collections.Counter(), collections.Counter()
        self._rest_port, self._grpc_port, self._lock = rest_port, grpc_port, threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(ask,))
            for ask in (self._rest, self._grpc)
            for _ in range(num_clients)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, ask):
        end = ask()
        with self._lock:
            self.ends[end] += 1

    def _count(self, wire):
        with self._lock:
            self.num_answered[wire] += 1

    def _rest(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._rest_port, timeout=60)
        while True:
            try:
                connection.request("POST", "/v1/models/faces:predict", BODY)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                return f"REST: sent, but {error!r}"
            if answer.status != 200:
                return f"REST: {answer.status} {content}"
            self._count("REST")
            if answer.will_close:
                return "REST: told that the connection closes"

    def _grpc(self):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "faces", "generate_png"
        for (name, value), dtype in zip(INPUTS.items(), (tf.int64, tf.int32, tf.float32), strict=True):
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{self._grpc_port}", options) as channel:
            predict = channel.unary_unary(PREDICT, predict_pb2.PredictRequest.SerializeToString)
            while True:
                try:
                    predict(request, timeout=60)
                except grpc.RpcError as error:
                    return f"gRPC: {error.code().name}"
                self._count("gRPC")

    def join(self):
        for thread in self._threads:
            thread.join()


def check(load, num_clients):
    assert load.ends == {"REST: told that the connection closes": num_clients, "gRPC: UNAVAILABLE": num_clients}
    assert min(load.num_answered.values()) > num_clients


def test_a_server_that_is_stopped_under_load_loses_nothing(models_directory):
    with Server(models_directory / "faces", rest_port=0, grpc_port=0, batching=DynamicBatching()) as server:
        load = Load(server.rest_port, server.grpc_port, 8)
        deadline = time.monotonic() + 30
        while (
            min((load.num_answered[wire] for wire in ("REST", "gRPC")), default=0) < 20 and time.monotonic() < deadline
        ):
            time.sleep(0.05)
    load.join()
    check(load, 8)


class Process:
    """The command line's server, whose memory is measured from outside."""

    def __init__(self, directory, log):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "tfgan_suite.commands.cli", "serve", str(directory)]
        self._process = subprocess.Popen(
            [*command, "--rest-port", "0", "--grpc-port", "0"],
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=environment,
        )
        self.rest_port, self.grpc_port = (
            int(re.search(r":(\d+)\n", self._process.stdout.readline())[1]) for _ in range(2)
        )

    def peak_bytes(self):
        status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        output, _ = self._process.communicate(timeout=60)
        return output

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def send_large(port, body, statuses):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request("POST", "/v1/models/faces:predict", body)
        statuses.append(connection.getresponse().status)
    except OSError as error:
        statuses.append(repr(error))
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Memory is read from /proc.")
def test_throughput_memory_and_the_end_of_a_server_with_32_clients_each(models_directory, tmp_path, capsys):
    generate = tf.saved_model.load(str(models_directory / "faces" / "7")).signatures["generate_png"]
    inputs = {"seed": tf.constant(1, tf.int64), "count": tf.constant(1), "truncation": tf.constant(1.0)}
    seconds = []
    for _ in range(300):
        start = time.perf_counter()
        generate(**inputs)["png_bytes"].numpy()
        seconds.append(time.perf_counter() - start)
    with Process(models_directory / "faces", tmp_path / "log") as server:
        load = Load(server.rest_port, server.grpc_port, 32)
        time.sleep(5)
        before = dict(load.num_answered)
        time.sleep(15)
        rates = {wire: (load.num_answered[wire] - count) / 15 for wire, count in before.items()}
        peak, statuses = server.peak_bytes(), []
        body = b'{"inputs": [' + b"0.125," * (16 * MEBIBYTE // 6 - 10) + b"0]}"
        clients = [threading.Thread(target=send_large, args=(server.rest_port, body, statuses)) for _ in range(32)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        growth = server.peak_bytes() - peak
        assert server.stop().endswith("Stopped.\n")
        load.join()
    with capsys.disabled():
        direct = 1 / statistics.median(seconds)
        print(f"\n{direct:.0f} direct calls/s, {rates}, {dict(load.num_answered)} answered, {dict(load.ends)}")
        print(f"32 bodies of 16 MiB: {collections.Counter(statuses)}, {growth / MEBIBYTE:.0f} MiB more")
    check(load, 32)
    assert set(statuses) <= {400, 503} and statuses.count(400) >= 8  # The wrong shape, or too much at once.
    # Bodies are 256 MiB at most, and of what Python makes of them, 12 times as much, there are two at a time.
    assert growth < 1024 * MEBIBYTE
    assert sum(rates.values()) > 0.25 * direct  # The clients, in Python, take more than the server.
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
