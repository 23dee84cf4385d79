"""Runs the steps of a pipeline in order, skipping those that are done and whose inputs have not changed."""

import contextlib
import dataclasses
from pathlib import Path

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation import versions
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import Lock
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.terminal import say
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.release.data_schema import DataAnomalyError, DataSchema
from tfgan_suite.release.gate import Blessing
from tfgan_suite.release.infra_validation import validate_infrastructure
from tfgan_suite.release.ledger import Ledger, fingerprint
from tfgan_suite.release.pipeline_checks import check_scores
from tfgan_suite.release.pushed_versions import bless_against_pushed, find_pushed, push_version
from tfgan_suite.runs import run_files
from tfgan_suite.runs.train import train


@dataclasses.dataclass(frozen=True)
class PipelineResult:
    """The result of a pipeline.

    Attributes:
        pushed: A `pathlib.Path` or `None`. Directory of the version that contains this model, pushed now or earlier.
            `None` if the gate refused the model.
        blessing: A `Blessing` or `None`. The gate's decision. `None` if nothing has changed.
        run_dir: A `pathlib.Path`. Directory of the training run.
        done: Tuple of strings. Names of the steps that were not skipped.
    """

    pushed: Path | None
    blessing: Blessing | None
    run_dir: Path
    done: tuple


def run_pipeline(config, say=say):
    """Prepares and checks the data, trains and scores a model, and exports, validates, and pushes it if it is blessed.

    The settings and inputs of each step have a fingerprint, and a step whose fingerprint is recorded in the ledger is
    skipped. An interrupted run is resumed. A model is pushed only if the gate blesses it, and a separate process has
    obtained images from the export.

    Args:
        config: A `PipelineConfig`.
        say: Callable. Called with a line of text about each step.

    Returns:
        A `PipelineResult`.

    Raises:
        DataAnomalyError: If the data does not match the schema in `root/schema.json`, which is written by the first
            run.
        UserError: If a step fails.

    Example:

    >>> run_pipeline(PipelineConfig.load("pipelines/digits.yaml")).pushed
    PosixPath('saved_models/digits/1')

    Reference: the steps are those of TensorFlow Extended: ExampleGen, ExampleValidator, Trainer, Evaluator,
    InfraValidator, Pusher.
    """
    run = _PipelineRun(config, say)
    with Lock(run.root / ".lock", f"Another process runs the pipeline in {config.root}. Wait until it is done."):
        return run.run()


class _PipelineRun:
    """One call of `run_pipeline`."""

    def __init__(self, config, say):
        self.config = config
        self.say = say
        self.root = local_path(config.root)
        self.ledger = Ledger(self.root)
        self.done = []

    def run(self):
        info = self.prepare()
        check_scores(self.config, info, info.split(self.config.evaluate.get("split", "train")).num_examples)
        self.check_data(info)
        train_key = fingerprint([info.fingerprint, self.config.train, versions.library_versions()])
        run_dir = self.train(train_key)
        scores = self.evaluate(train_key, run_dir)
        earlier = self.find_pushed(train_key, run_dir)
        if earlier is not None:
            self.say(f"push: nothing to do, {earlier} already contains this model")
            return PipelineResult(earlier, None, run_dir, tuple(self.done))
        blessing = self.decide(scores)
        if not blessing.blessed:
            self.say(f"gate: not blessed, nothing is pushed. {' '.join(blessing.reasons)}")
            return PipelineResult(None, blessing, run_dir, tuple(self.done))
        self.say(f"gate: blessed. {' '.join(blessing.reasons)}")
        version_dir = self.push(train_key, run_dir, info, scores, blessing)
        return PipelineResult(version_dir, blessing, run_dir, tuple(self.done))

    def prepare(self):
        """Prepares the data again if the source has changed. Refuses a different dataset prepared by someone else."""
        options = {name: value for name, value in self.config.data.items() if name not in ("source", "directory")}
        directory = self.config.data["directory"]
        before = _fingerprint_of(directory)
        own = self.ledger.find("prepare", fingerprint(directory))
        options = {"force": own is not None and own["fingerprint"] == before, **options}
        info = prepare_dataset(self.config.data["source"], directory, **options, progress=False)
        if info.fingerprint != before:
            self.ledger.add("prepare", fingerprint(directory), directory=directory, fingerprint=info.fingerprint)
            self.done.append("prepare")
        self.say(f"prepare: {info.num_examples:,} {info.spec.unit[1]} in {directory} ({info.fingerprint})")
        return info

    def check_data(self, info):
        path = self.root / "schema.json"
        if not path.exists():
            split = self.config.evaluate.get("split", "train")
            DataSchema.infer(info, split).save(path)
            self.say(
                f"check data: wrote the schema that future data must match to {path}; review it, and edit as needed"
            )
        key = fingerprint([info.fingerprint, path.read_bytes().decode("utf-8", "replace")])
        if self.ledger.find("check data", key) is not None:
            self.say("check data: nothing to do")
            return
        anomalies = DataSchema.load(path).find_anomalies(self.config.data["directory"])
        if anomalies:
            raise DataAnomalyError(self.config.data["directory"], anomalies, path)
        self.ledger.add("check data", key)
        self.done.append("check data")
        self.say("check data: no anomalies")

    def train(self, key):
        run_dir = self.root / "runs" / key
        if self.ledger.find("train", key) is not None and (run_dir / "model.keras").is_file():
            self.say(f"train: nothing to do, {run_dir} is already trained")
            return run_dir
        self.say(f"train: {self.config.train['preset']} in {run_dir}")
        result = train(self.config.train_config(run_dir))
        images_seen = int(result.model.examples_seen.numpy())
        self.ledger.add("train", key, run_dir=str(run_dir), images_seen=images_seen)
        self.done.append("train")
        return run_dir

    def evaluate(self, train_key, run_dir):
        key = fingerprint([train_key, self.config.evaluate])
        entry = self.ledger.find("evaluate", key)
        if entry is not None:
            with contextlib.suppress(UserError):  # A damaged entry: the scores are made again.
                scores = Evaluation(EvaluationRow.from_json(row) for row in entry["scores"])
                self.say("evaluate: nothing to do")
                return scores
        scores = self._score(run_files.load_model(run_dir), run_dir)
        self.ledger.add("evaluate", key, run_dir=str(run_dir), scores=[row.to_json() for row in scores])
        self.done.append("evaluate")
        self.say(f"evaluate: {', '.join(f'{name} {value:.5g}' for name, value in scores.scalars().items())}")
        return scores

    def find_pushed(self, key, run_dir):
        """The version that contains this model, or `None`. A kill may have come between the push and its entry."""
        entry = self.ledger.find("push", key)
        if entry is not None and Path(entry["version_dir"]).is_dir():
            return Path(entry["version_dir"])
        version_dir = find_pushed(self.config.push_directory, key)
        if version_dir is not None:
            self.ledger.add("push", key, run_dir=str(run_dir), version_dir=str(version_dir))
        return version_dir

    def decide(self, scores):
        return bless_against_pushed(scores, self.config, lambda model: self._score(model, None), self.say)

    def push(self, key, run_dir, info, scores, blessing):
        """Exports the model, validates the export in a separate process, and only then pushes it to be served."""
        card = {name: self.config.push[name] for name in ("description", "license") if name in self.config.push}
        candidate = self.root / "candidate" / self.config.name / "1"
        run_files.export_run(run_dir, candidate, overwrite=True, **card)
        validation = validate_infrastructure(candidate)
        self.say(f"validate: loaded in {validation['seconds_load']:.1f} s in a separate process, and returned images")
        lineage = {
            "data": {
                "directory": self.config.data["directory"],
                "source": info.source,
                "fingerprint": info.fingerprint,
            },
            "train": {"run_dir": str(run_dir), "config": self.config.train, "key": key},
            "scores": [row.to_json() for row in scores],
            "blessing": blessing.reasons,
            "validation": validation,
            "versions": versions.library_versions(),
        }
        version_dir = push_version(candidate, self.config.push_directory, lineage)
        self.ledger.add("push", key, run_dir=str(run_dir), version_dir=str(version_dir))
        self.done.append("push")
        self.say(f"push: {version_dir}")
        return version_dir

    def _score(self, model, output_dir):
        return evaluate(
            model, self.config.data["directory"], **self.config.evaluate, output_dir=output_dir, progress=False
        )


def _fingerprint_of(directory):
    """Returns the fingerprint of the dataset currently in a directory, or `None`."""
    return DatasetInfo.load(directory).fingerprint if (Path(directory) / "dataset_info.json").is_file() else None
