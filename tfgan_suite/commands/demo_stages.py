"""Every step once, on real images: prepare, train, score, export, serve, report.

Each stage that is done is recorded in `demo.json`, so that an interrupted demo resumes where it stopped.
"""

import dataclasses
import importlib.util
import json
import shutil
import time
import urllib.request
from pathlib import Path

import numpy as np

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.foundation.errors import import_extra, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import read_json, reading, typed
from tfgan_suite.foundation.terminal import say
from tfgan_suite.runs.train_config import TrainConfig

STAGES = ("prepare", "train", "score", "export", "serve", "report")
_REQUEST_SEED = 7
_REQUEST_COUNT = 10


@dataclasses.dataclass(frozen=True)
class DemoPlan:
    """What a demo does.

    Attributes:
        name: String. Name of the run and of the exported model.
        source: String. Source of the images, for `prepare_dataset`.
        limit: Integer. How many images to prepare, or `None` for all.
        preset: String. The preset to train.
        total_images: Integer. Images to train on, or `None` for the preset's.
        score_images: Integer. Generated images for the scores, or `None` for as many as there are real ones.
        extractors: Tuple of strings. Feature extractors of the scores.
    """

    name: str
    source: str
    limit: int | None
    preset: str
    total_images: int | None
    score_images: int | None
    extractors: tuple[str, ...] = ("efficientnet-lite0", "dataset-classifier")


PLANS = {
    ("digits", False): DemoPlan("digits", "digits", None, "dcgan_digits_32", None, None),
    ("digits", True): DemoPlan("digits-fast", "digits", 2000, "dcgan_digits_32", 48_000, 1000, ("efficientnet-lite0",)),
    ("avatars", False): DemoPlan("avatars", "avatars", 3000, "dcgan_avatars_64", None, 3000, ("efficientnet-lite0",)),
    ("avatars", True): DemoPlan(
        "avatars-fast", "avatars", 500, "dcgan_avatars_64", 8_000, 500, ("efficientnet-lite0",)
    ),
    ("spoken_digits", False): DemoPlan(
        "spoken_digits", "spoken_digits", None, "dcgan_spoken_digits_64", None, 2000, ("dataset-classifier",)
    ),
    ("spoken_digits", True): DemoPlan(
        "spoken_digits-fast", "spoken_digits", 500, "dcgan_spoken_digits_64", 4_000, 500, ("dataset-classifier",)
    ),
}
DATA = tuple(dict.fromkeys(data for data, _ in PLANS))


def run_demo(data="digits", *, fast=False, output_dir="runs/demo"):
    """Runs the demo, or what is left of it.

    Args:
        data: String, `"digits"` (handwritten, 32 x 32, gray), `"avatars"` (drawn, 64 x 64, color) or `"spoken_digits"` (half a
            second of sound, of synthetic voices).
        fast: Boolean. Whether to train shorter, on fewer images.
        output_dir: String. Gets `data/`, a run, `saved_models/` and `report.html`.

    Returns:
        Path of the report.

    Raises:
        UserError: There are no such data, or a package is missing.

    Example:

    >>> run_demo("digits", fast=True)
    PosixPath('runs/demo/report.html')
    """
    if (data, fast) not in PLANS:
        raise unknown_name("demo data", data, DATA)
    return Demo(PLANS[data, fast], output_dir).run()


class Demo:
    """One demo in one directory.

    Args:
        plan: A `DemoPlan`.
        output_dir: String. Its directory, which demos of other names may share.
    """

    def __init__(self, plan, output_dir):
        self.plan = plan
        self.output_dir = local_path(output_dir)
        self.data_dir = self.output_dir / "data" / plan.name
        self.run_dir = self.output_dir / plan.name
        self.model_dir = self.output_dir / "saved_models" / plan.name
        self._state_path = self.run_dir / "demo.json"

    def run(self):
        """Runs the stages that are not done yet, and always writes the report. Returns its path."""
        for package, extra in (("apache_beam", "beam"), ("tensorflow_serving", "serving")):
            if importlib.util.find_spec(package) is None:
                import_extra(package, extra, "The demo")
        self.state = self._read_state()
        for number, stage in enumerate(STAGES, start=1):
            title, work, is_there = getattr(self, f"_{stage}")()
            heading = f"[{number}/{len(STAGES)}] {title}"
            if stage != "report" and stage in self.state["stages"] and is_there():
                say(f"{heading}: done before, in {format_duration(self.state['stages'][stage])}", flush=True)
                continue
            say(heading, flush=True)
            start = time.perf_counter()
            seconds = work() or time.perf_counter() - start
            self.state["stages"][stage] = round(seconds, 1)
            self._write_state()
        report = self._publish_report()
        total = sum(self.state["stages"].values())
        say(f"\nDone, in {format_duration(total)} of work. Open {report} in a browser.", flush=True)
        return report

    def _read_state(self):
        if not self._state_path.is_file():
            return {"stages": {}, "serving": None}
        advice = f"It is damaged: remove {self.run_dir} and start again."
        state = read_json(self._state_path, "the state of a demo", advice)
        with reading(self._state_path, "the state of a demo", advice):
            typed(dict[str, float], state["stages"], "stages")
            typed(dict | None, state["serving"], "serving")
        return state

    def _write_state(self):
        self.run_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(self._state_path, json.dumps(self.state, indent=2) + "\n")

    # === Stages: (title, work, whether its result is there). Work may return the seconds that it took over all sittings ===

    def _prepare(self):
        def work():
            from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

            prepare_dataset(self.plan.source, self.data_dir, limit=self.plan.limit)

        return f"Prepare {self.plan.source}", work, (self.data_dir / "dataset_info.json").is_file

    def _train(self):
        def work():
            from tfgan_suite.runs.train import train

            train(
                TrainConfig(
                    data_dir=str(self.data_dir),
                    run_dir=str(self.run_dir),
                    preset=self.plan.preset,
                    total_images=self.plan.total_images,
                    score_every_ticks=-1,  # A stage of its own does it.
                )
            )
            return read_history(self.run_dir / "history.jsonl")[-1]["seconds"]

        return f"Train {self.plan.preset}", work, (self.run_dir / "model.keras").is_file

    def _score(self):
        def work():
            from tfgan_suite import metrics
            from tfgan_suite.metrics.protocol.evaluation import evaluate, evaluate_real

            options = {"output_dir": self.run_dir}
            model = self._model()
            evaluation = evaluate(
                model, self.data_dir, extractor=self.plan.extractors, num_images=self.plan.score_images, **options
            )
            say(evaluation)
            # What real images get, to read the scores by. The distances come from what was just gathered.
            first, *others = self.plan.extractors
            evaluate_real(
                self.data_dir, [metrics.FrechetDistance(), metrics.KernelDistance()], extractor=first, **options
            )
            if "dataset-classifier" in others:
                evaluate_real(self.data_dir, extractor="dataset-classifier", **options)

        return "Score", work, (self.run_dir / "metrics.json").is_file

    def _export(self):
        def work():
            from tfgan_suite.runs.run_files import export_run

            description = (
                f"Trained by the demo of tfgan-suite on {self.plan.source} with the preset {self.plan.preset}."
            )
            export_run(self.run_dir, self.model_dir / "1", description=description, overwrite=True)

        return "Export", work, (self.model_dir / "1" / "saved_model.pb").is_file

    def _serve(self):
        def work():
            self.state["serving"] = ask_server(self.model_dir, self._model())
            say(self.state["serving"]["verdict"])

        return "Serve, ask over REST and gRPC", work, lambda: bool(self.state["serving"])

    def _report(self):
        def work():
            from tfgan_suite.runs.report import write_report

            write_report(self.run_dir)

        return "Report", work, (self.run_dir / "report.html").is_file

    def _model(self):
        from tfgan_suite.runs.run_files import load_model

        return load_model(self.run_dir)

    def _publish_report(self):
        path = self.output_dir / "report.html"
        shutil.copyfile(self.run_dir / "report.html", path)
        return path


def ask_server(directory, model):
    """Serves an exported model, asks it over both wires, and compares the answers with the model in Python.

    Args:
        directory: `saved_models/NAME`.
        model: The `GenerativeModel` that was exported.

    Returns:
        A JSON value: `directory`, `verdict`, and `exchanges`, each with `protocol`, `request`, `response`, `png`, `caption`.

    Raises:
        RuntimeError: The server's examples are not those of the model.
    """
    from tfgan_suite.runs.report import encode_png
    from tfgan_suite.runs.sampling import draw_all
    from tfgan_suite.serving.server import Server

    directory = Path(directory)
    labels = None if model.num_classes is None else [index % model.num_classes for index in range(_REQUEST_COUNT)]
    units = model.spec.unit[1]
    expected = model.generate(_REQUEST_COUNT, labels, seed=_REQUEST_SEED)
    picture = encode_png(make_grid(draw_all(model, expected), len(expected)))
    exchanges = []
    with Server(directory, rest_port=0, grpc_port=0) as server:
        files = model.spec.to_files(expected).numpy()
        for protocol, ask, made in (("REST", _ask_rest, files), ("gRPC", _ask_grpc, expected)):
            start = time.perf_counter()
            received, request, response = ask(server, directory.name, model.spec, labels)
            milliseconds = 1000 * (time.perf_counter() - start)
            if received.shape != made.shape or not np.array_equal(received, made):
                raise RuntimeError(
                    f"The {units} that came over {protocol} are not those that Python makes of the same seed."
                )
            exchanges.append(
                {
                    "protocol": protocol,
                    "request": request,
                    "response": response,
                    "png": picture,
                    "caption": f"{len(received)} {units}, answered in {milliseconds:,.0f} ms",
                }
            )
    verdict = f"All {len(expected)} {units} equal those that Python makes of seed {_REQUEST_SEED}, over both wires."
    return {"directory": str(directory), "verdict": verdict, "exchanges": exchanges}


def _ask_rest(server, name, spec, labels):
    """Files, the request as a command, the response shortened."""
    import base64

    inputs = {"seed": _REQUEST_SEED, "count": _REQUEST_COUNT, "truncation": 1.0}
    if labels is not None:
        inputs["labels"] = labels
    body = json.dumps({"signature_name": f"generate_{spec.file_suffix[1:]}", "inputs": inputs})
    url = f"{server.rest_url}/v1/models/{name}:predict"
    with urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=60) as answer:
        status, text = answer.status, answer.read().decode()
    files = np.array([base64.b64decode(value["b64"]) for value in json.loads(text)["outputs"]], object)
    shortened = text if len(text) < 160 else f"{text[:120]} ... {text[-12:]}"
    return files, f"curl -s -d '{body}' {url}", f"HTTP {status}, {len(text):,} bytes\n{shortened}"


def _ask_grpc(server, name, spec, labels):
    """Examples, the request as text, the response in words."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = "generate"
    values = {
        "seed": tf.constant(_REQUEST_SEED, tf.int64),
        "count": tf.constant(_REQUEST_COUNT, tf.int32),
        "truncation": tf.constant(1.0, tf.float32),
    }
    if labels is not None:
        values["labels"] = tf.constant(labels, tf.int32)
    for key, value in values.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(f"{server.host}:{server.grpc_port}") as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    units = spec.unit[1]
    examples = tf.make_ndarray(response.outputs[units])
    shown = ", ".join(f"{key}={np.asarray(value).tolist()}" for key, value in values.items())
    answered = response.model_spec
    return (
        examples,
        f"PredictionService.Predict on {server.host}:{server.grpc_port}\nmodel_spec: {name}, generate\n{shown}",
        f"model_spec: {answered.name}, version {answered.version.value}\n{units}: {examples.dtype} {list(examples.shape)}",
    )
