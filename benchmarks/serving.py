"""Load test of the development server with many clients, with and without batching, compared to calling the SavedModel.

    python benchmarks/serving.py                        # the bundled digits model, 32 clients, 60 seconds per row
    python benchmarks/serving.py --seconds 20 --rest    # REST as well
    python benchmarks/serving.py --hot-swap             # a new version and a damaged one appear during the test
    python benchmarks/serving.py --url 127.0.0.1:8500   # a server that is already running, such as TensorFlow Serving

Each client has its own connection and sends its next request as soon as it has received the previous answer. The
clients share one process on the server's machine, and do as little work as possible, because clients of a real server
run elsewhere. The first seconds are excluded. "processor" is the server's processor time per request, which is more
meaningful than wall time on a busy machine. With --hot-swap, the exit status is 1 if a request failed, or a version is
not in the expected state.
"""

import argparse
import asyncio
import contextlib
import functools
import http.client
import json
import math
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP_SECONDS = 3.0
ROW = "| {:34} | {:>10} | {:>8} | {:>8} | {:>13} | {:>6} |"


# === Clients ===


@contextlib.asynccontextmanager
async def grpc_client(address, model, count, conditional):
    """Yields a function that sends a request with a given seed and returns the version that answered."""
    import grpc
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, "generate"
    inputs = [
        ("seed", 9, "int64_val", [0]),
        ("count", 3, "int_val", [count]),
        ("truncation", 1, "float_val", [1.0]),
        ("labels", 3, "int_val", [0] * count),
    ]
    for name, dtype, field, values in inputs if conditional else inputs[:3]:
        tensor = request.inputs[name]
        tensor.dtype = dtype  # A value from tensorflow/core/framework/types.proto.
        tensor.tensor_shape.dim.add(size=len(values))
        getattr(tensor, field).extend(values)
    options = [("grpc.use_local_subchannel_pool", 1)]  # Otherwise, all clients would share one connection.
    async with grpc.aio.insecure_channel(address, options) as channel:
        predict = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            predict_pb2.PredictRequest.SerializeToString,
            predict_pb2.PredictResponse.FromString,
        )

        async def ask(seed):
            request.inputs["seed"].int64_val[0] = seed
            response = await predict(request, timeout=60)
            content = response.outputs["images"].tensor_content
            assert content and len(content) % count == 0
            return response.model_spec.version.value

        yield ask


@contextlib.asynccontextmanager
async def rest_client(address, model, count, conditional):
    """Like `grpc_client`, but over REST, where answers do not include the version."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    labels = {"labels": [0] * count} if conditional else {}

    async def ask(seed):
        inputs = {"seed": seed, "count": count, "truncation": 1.0, **labels}
        body = json.dumps({"signature_name": "generate_png", "inputs": inputs}).encode()
        head = f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        content = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", answer)[1]))
        assert answer.startswith(b"HTTP/1.1 200 "), content
        assert len(json.loads(content)["outputs"]) == count

    try:
        yield ask
    finally:
        writer.close()


class Tally:
    """Results of all clients: latencies in seconds while `counts` is set, errors, and the versions that answered.

    Clients send requests while `goes_on` is set.
    """

    def __init__(self):
        self.goes_on, self.counts = True, False
        self.latencies, self.errors, self.versions = [], [], set()


async def send_requests(make_client, address, args, number, tally):
    """Runs one client."""
    async with make_client(address, args.model.name, args.count, args.conditional) as ask:
        seed = number << 32
        while tally.goes_on:
            started, counts, seed = time.perf_counter(), tally.counts, seed + 1
            try:
                tally.versions.add(await ask(seed))
            except Exception as error:  # Counted and reported.
                tally.errors.append(f"{type(error).__name__}: {error}"[:300])
            if counts:
                tally.latencies.append(time.perf_counter() - started)


def processor_seconds(process):
    """Returns the processor seconds of a running process so far, as counted by Linux."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(make_client, address, args, name, server=None, meanwhile=None):
    """Prints a row. Returns requests per second, the number of errors, and the versions that answered."""
    tally = Tally()
    clients = [
        asyncio.create_task(send_requests(make_client, address, args, number, tally)) for number in range(args.clients)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    tally.counts, begin = True, time.perf_counter()
    processor = processor_seconds(server) if server else 0.0
    if meanwhile:
        await asyncio.to_thread(meanwhile, args.seconds)
    await asyncio.sleep(max(0.0, begin + args.seconds - time.perf_counter()))
    seconds, latencies = time.perf_counter() - begin, list(tally.latencies)
    processor = processor_seconds(server) - processor if server else 0.0
    tally.goes_on = False
    await asyncio.gather(*clients)
    rate = len(latencies) / seconds
    of_server = f"{1000 * processor / len(latencies):.2f}" if server else ""
    print_row(name, latencies, rate * args.count, of_server, len(tally.errors))
    for error in tally.errors[:3]:
        print(error, file=sys.stderr)
    return rate, len(tally.errors), tally.versions


def print_row(name, latencies, rate, processor, num_errors):
    p50, p99 = (1000 * statistics.quantiles(latencies, n=100)[index] for index in (49, 98))
    print(ROW.format(name, f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", processor, num_errors), flush=True)


# === Servers ===


@contextlib.contextmanager
def served(directory, *flags):
    """Runs the command line's server in a separate process. Yields the process and the addresses of gRPC and REST."""
    command = [
        sys.executable,
        "-m",
        "tfgan_suite.commands.cli",
        "serve",
        str(directory),
        "--rest-port",
        "0",
        "--grpc-port",
        "0",
    ]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        rest = re.fullmatch(r"REST  http://(.*)\n", process.stdout.readline())[1]
        grpc = re.fullmatch(r"gRPC  (.*)\n", process.stdout.readline())[1]
        yield process, grpc, rest
    finally:
        process.terminate()
        process.communicate()


def newest(model):
    """Returns the directory of the highest version."""
    return max((path for path in model.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def call_directly(args, connection):
    """Measures the latencies of the SavedModel's own function, called sequentially in this process."""
    import tensorflow as tf

    generate = tf.saved_model.load(str(newest(args.model))).signatures["generate"]
    latencies, begin, seed, processor = [], None, 0, 0.0
    while begin is None or time.perf_counter() < begin + args.seconds / 2:
        started, seed = time.perf_counter(), seed + 1
        inputs = {"seed": tf.constant([seed], tf.int64), "count": tf.constant([args.count])}
        labels = {"labels": tf.zeros([args.count], tf.int32)} if args.conditional else {}
        generate(**inputs, truncation=tf.constant([1.0]), **labels)["images"].numpy()
        latencies.append(time.perf_counter() - started)
        if begin is None and seed == 20:
            begin, latencies, processor = time.perf_counter(), [], time.process_time()
    processor = 1000 * (time.process_time() - processor) / len(latencies)
    connection.send((latencies, processor))


def answer_at_once(num_bytes, connection):
    """Runs a gRPC server without a model, as an upper bound for a Python server with these clients on this machine."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
        async def Predict(self, request, context):
            response = predict_pb2.PredictResponse()
            response.outputs["images"].tensor_content = bytes(num_bytes)
            return response

    async def serve():
        server = grpc.aio.server()
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(), server)
        connection.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


def swap(directory, first, rest, expected, seconds):
    """After a third of the time, adds a new version and one with truncated weights, and waits for their states."""
    time.sleep(seconds / 3)
    for number, damaged in ((first + 1, False), (first + 2, True)):
        hidden = directory / f".export-{number}"
        shutil.copytree(directory / str(first), hidden)
        if damaged:
            weights = next((hidden / "variables").glob("*.data-*"))
            weights.write_bytes(weights.read_bytes()[:100])
        hidden.rename(directory / str(number))
    dropped = time.perf_counter()
    while (found := states(rest, directory.name)) != expected and time.perf_counter() < dropped + 300:
        time.sleep(0.2)
    print(f"{time.perf_counter() - dropped:.1f} s until the states were {found}", file=sys.stderr)
    time.sleep(seconds / 3)


def states(rest, model):
    with contextlib.closing(http.client.HTTPConnection(rest, timeout=60)) as connection:
        connection.request("GET", f"/v1/models/{model}")
        return {
            int(status["version"]): status["state"]
            for status in json.loads(connection.getresponse().read())["model_version_status"]
        }


# === The table ===


def compare(args):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer_at_once, args=(args.image_bytes * args.count, theirs))
    process.start()
    asyncio.run(load(grpc_client, f"127.0.0.1:{ours.recv()}", args, "gRPC, no model", process))
    process.terminate()
    process.join()
    rates = {}
    for name, flags in (("without batching", ["--no-batching"]), ("batching", ["--batching"])):
        with served(args.model, *flags) as (server, grpc, rest):
            rates[name] = asyncio.run(load(grpc_client, grpc, args, f"gRPC, {name}", server))[0]
            if args.rest:
                row = load(rest_client, rest, args, f"REST and PNG, {name}", server)
                rates[f"REST, {name}"] = asyncio.run(row)[0]
    print(f"\nBatching: {rates['batching'] / rates['without batching']:.2f} times the throughput over gRPC", end="")
    if args.rest:
        print(f", {rates['REST, batching'] / rates['REST, without batching']:.2f} over REST", end="")
    print(".")


def hot_swap(args):
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory, args.model.name)
        shutil.copytree(args.model, model)
        first = int(newest(model).name)
        expected = {first: "AVAILABLE", first + 1: "AVAILABLE", first + 2: "END"}
        with served(model, "--batching") as (server, grpc, rest):
            drop_versions = functools.partial(swap, model, first, rest, expected)
            row = load(grpc_client, grpc, args, "gRPC, batching, hot swap", server, drop_versions)
            _, num_errors, versions = asyncio.run(row)
            found = states(rest, args.model.name)
    print(f"\nVersions that answered: {sorted(versions)}. States afterward: {found}.")
    return 0 if not num_errors and found == expected and versions == {first, first + 1} else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("saved_models/digits"), help="exported model")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--count", type=int, default=1, help="number of images per request")
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--hot-swap", action="store_true")
    parser.add_argument("--url", help="HOST:PORT of gRPC, to test a server that is already running")
    args = parser.parse_args()
    from tfgan_suite.exports.model_card import read_model_card  # Here, since the clients' processes need no Keras.

    args.model = args.model.resolve()
    model = read_model_card(newest(args.model))["model"]
    args.conditional = model["condition"]["kind"] == "classes"
    args.image_bytes = math.prod(model["example"]["shape"])
    print(f"{args.clients} clients, {args.seconds:g} s, {args.count} images per request, {os.cpu_count()} processors\n")
    print(ROW.format("", "images/s", "p50, ms", "p99, ms", "processor, ms", "errors"))
    print("|---|---|---|---|---|---|")
    if args.url:
        return asyncio.run(load(grpc_client, args.url, args, f"gRPC, {args.url}"))[1] > 0
    if args.hot_swap:
        return hot_swap(args)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=call_directly, args=(args, theirs))
    process.start()
    latencies, processor = ours.recv()
    process.join()
    rate = args.count / statistics.median(latencies)
    print_row("SavedModel in Python, one caller", latencies, rate, f"{processor:.2f}", 0)
    compare(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
