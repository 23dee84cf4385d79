"""A Pusher that pushes a model atomically as the next version, with its lineage."""

import json
from pathlib import Path

from tfx import types
from tfx.components import Pusher
from tfx.components.pusher import executor as pusher
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs

from pipelines.evaluate_generator import BLESSING_FILE
from pipelines.infra_validate import VALIDATION_FILE
from tfgan_suite.exports.model_card import plain
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.release.pushed_versions import push_version
from tfgan_suite.runs.run_files import RunFiles


class Executor(pusher.Executor):
    """Pushes a model that passes Pusher's own check, in the same way as the plain pipeline."""

    def Do(self, input_dict, output_dict, exec_properties):
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        settings = json.loads(exec_properties["settings"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        run = RunFiles.load(artifact_utils.get_single_uri(input_dict["model_run"]))
        judged = _read(input_dict["model_blessing"], BLESSING_FILE)
        lineage = {
            "data": {
                "directory": run.config.data_dir,
                "source": run.dataset_info.source,
                "fingerprint": run.dataset_info.fingerprint,
            },
            "train": {"run_dir": str(run.directory), "config": settings["train"]},
            "scores": judged["scores"],
            "blessing": judged["reasons"],
            "validation": _read(input_dict["infra_blessing"], VALIDATION_FILE),
            "versions": library_versions(),
            "metadata": {"path": settings["metadata_path"], "model_id": model.id},
        }
        scores = Evaluation(EvaluationRow.from_json(row) for row in judged["scores"])
        version_dir = push_version(
            self.GetModelPath(input_dict), settings["directory"], lineage, {**settings["card"], "scores": plain(scores)}
        )
        self._MarkPushed(pushed, pushed_destination=str(version_dir), pushed_version=version_dir.name)


def _read(artifacts, name):
    return json.loads(Path(artifact_utils.get_single_uri(artifacts), name).read_text(encoding="utf-8"))


class PushVersionSpec(standard_component_specs.PusherSpec):
    """The specification of Pusher, with the training run for the lineage as an additional input."""

    PARAMETERS = {"settings": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class PushVersion(Pusher):
    """Component: TFX's Pusher, with versions 1, 2, 3 and an atomic push instead of timestamps and a copy.

    Args:
        model: A channel of Trainer. The model is only pushed if both components bless it.
        model_run: A channel of Trainer.
        model_blessing: A channel of EvaluateGenerator.
        infra_blessing: A channel of InfraValidate.
        directory: String or path, such as `"saved_models/NAME"`.
        train: Dict. Fields of the run's `TrainConfig`, for the lineage.
        card: Dict with `description` and `license` for the model card.
        metadata_path: String or path of the ML Metadata store, for the lineage.
    """

    SPEC_CLASS = PushVersionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, model, model_run, model_blessing, infra_blessing, directory, train, card, metadata_path):
        settings = {"directory": str(directory), "train": train, "card": card, "metadata_path": str(metadata_path)}
        base_component.BaseComponent.__init__(
            self,
            PushVersionSpec(
                model=model,
                model_run=model_run,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                settings=json.dumps(settings),
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            ),
        )
