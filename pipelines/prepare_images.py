"""PrepareImages: runs `tfgan_suite.prepare_dataset` on the pipeline's Beam runner, for any source."""

import json
import shutil
from pathlib import Path

from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.types.artifact import Artifact

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.release.ledger import fingerprint

# Runs in the process itself. Unless it is requested by name, `prepare_dataset` runs it on several threads.
IN_PROCESS_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class PreparedImages(Artifact):
    """The shards and `dataset_info.json` of `prepare_dataset`. Custom properties: `fingerprint`, `num_images`."""

    TYPE_NAME = "pipelines.PreparedImages"  # Kubeflow imports it by this name.


class Executor(base_beam_executor.BaseBeamExecutor):
    """Prepares the images in a directory that a later attempt can resume from, then moves them to the artifact's."""

    def Do(self, input_dict, output_dict, exec_properties):
        settings = json.loads(exec_properties["settings"])
        images = artifact_utils.get_single_instance(output_dict["images"])
        elsewhere = f"--runner={IN_PROCESS_RUNNER}" not in self._beam_pipeline_args
        options = dict(settings["options"])
        if elsewhere:
            options.setdefault("pipeline_options", self._beam_pipeline_args)
        unfinished = Path(settings["unfinished_dir"]) / fingerprint([settings, exec_properties["source_fingerprint"]])
        info = prepare_dataset(settings["source"], unfinished, **options, progress=False)
        if info.source["fingerprint"] != exec_properties["source_fingerprint"]:
            raise UserError(
                f"The source {settings['source']!r} has changed since the pipeline was started. Start it again."
            )
        for path in unfinished.iterdir():
            shutil.move(path, images.uri)
        unfinished.rmdir()
        images.set_string_custom_property("fingerprint", info.fingerprint)
        images.set_int_custom_property("num_images", info.num_examples)
        artifact_utils.get_single_instance(output_dict["directory"]).value = images.uri
        # Trainer passes its module no artifacts other than the examples and one JSON file.
        training_input = artifact_utils.get_single_uri(output_dict["training_input"])
        Path(training_input, "training_input.json").write_text(json.dumps({"data_dir": images.uri}), encoding="utf-8")


class PrepareImagesSpec(component_spec.ComponentSpec):
    """The parameters and outputs of `PrepareImages`."""

    PARAMETERS = {
        "settings": component_spec.ExecutionParameter(type=str),
        "source_fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {}
    OUTPUTS = {
        "images": component_spec.ChannelParameter(type=PreparedImages),
        "directory": component_spec.ChannelParameter(type=standard_artifacts.String),
        "training_input": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
    }


class PrepareImages(base_beam_component.BaseBeamComponent):
    """Component that prepares the images of a source.

    The outputs are `images` (`PreparedImages`), and its location both as `directory` (a string, as ExampleGen requires)
    and as `training_input` (JSON, as Trainer requires).

    Args:
        source: String. As in `prepare_dataset`.
        options: Dict. Other arguments of `prepare_dataset`.
        source_fingerprint: String. Fingerprint of the source's current content. If it changes, the examples are prepared
            again.
        unfinished_dir: String or path. Directory for the dataset until it is complete.
    """

    SPEC_CLASS = PrepareImagesSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, source, options, source_fingerprint, unfinished_dir):
        settings = {"source": source, "options": options, "unfinished_dir": str(unfinished_dir)}
        super().__init__(
            PrepareImagesSpec(
                settings=json.dumps(settings, sort_keys=True),
                source_fingerprint=source_fingerprint,
                images=types.Channel(type=PreparedImages),
                directory=types.Channel(type=standard_artifacts.String),
                training_input=types.Channel(type=standard_artifacts.HyperParameters),
            )
        )
