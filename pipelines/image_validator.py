"""An ExampleValidator for examples, which describes the anomalies and stops the pipeline."""

from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components import ExampleValidator
from tfx.components.example_validator import executor as example_validator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs

from pipelines.prepare_images import PreparedImages
from tfgan_suite.release.data_schema import DataAnomalyError, DataSchema


def describe_anomalies(directory):
    """Returns sentences describing the anomalies that ExampleValidator found in all splits."""
    sentences = []
    for path in sorted(Path(directory).glob(f"Split-*/{example_validator.DEFAULT_FILE_NAME}")):
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        for feature, anomaly in sorted(anomalies.anomaly_info.items()):
            split = path.parent.name.removeprefix("Split-")
            sentences.append(f"ExampleValidator, {split}: {feature!r}: {anomaly.description.rstrip('.')}.")
    return sentences


class Executor(example_validator.Executor):
    """Validates the statistics as ExampleValidator does, then the examples themselves. Raises if there is any anomaly."""

    def Do(self, input_dict, output_dict, exec_properties):
        output = super().Do(input_dict, output_dict, exec_properties)
        images_dir = artifact_utils.get_single_uri(input_dict["images"])
        anomalies = DataSchema.load(exec_properties["schema_path"]).find_anomalies(images_dir)
        anomalies += describe_anomalies(artifact_utils.get_single_uri(output_dict["anomalies"]))
        if anomalies:
            raise DataAnomalyError(images_dir, anomalies, exec_properties["schema_path"])
        return output


class ImageExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """The specification of ExampleValidator, with the prepared set as an additional input."""

    PARAMETERS = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        "schema_path": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **standard_component_specs.ExampleValidatorSpec.INPUTS,
        "images": component_spec.ChannelParameter(type=PreparedImages),
    }


class ImageExampleValidator(ExampleValidator):
    """Component: TFX's ExampleValidator, which also checks the examples, and fails on any anomaly.

    Args:
        statistics: A channel of StatisticsGen.
        schema: A channel of `ImageSchemaGen`.
        images: A channel of PrepareImages.
        schema_path: String or path of `schema.json`.
    """

    SPEC_CLASS = ImageExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, statistics, schema, images, schema_path):
        base_component.BaseComponent.__init__(
            self,
            ImageExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                images=images,
                exclude_splits="[]",
                schema_path=str(schema_path),
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            ),
        )
