"""SchemaGen that knows examples: what TFDV infers from the statistics, held to the kept `schema.json` of the pipeline."""

import json
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components import SchemaGen
from tfx.components.schema_gen import executor as schema_gen
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils

from pipelines.prepare_images import PreparedImages
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.release.data_schema import DataSchema

# Next to the kept schema: what was inferred, by which a change that a person made is known.
_INFERRED_SUFFIX = ".inferred"


def statistics_features(spec):
    """The features whose statistics are worth their cost: every example has its own content and its own name."""
    return [*(f"{spec.kind}/{name}" for name in spec.constants()), "label"]


def edited_schema(path):
    """The text of a kept schema that a person wrote or changed; empty if there is none, or as it was inferred."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    inferred = path.with_name(path.name + _INFERRED_SUFFIX)
    return "" if inferred.exists() and inferred.read_text(encoding="utf-8") == text else text


def keep_schema(path, images_dir, split):
    """The `DataSchema` at `path`, which is inferred from the prepared set and written there if there is none."""
    path = Path(path)
    if not path.exists():
        schema = DataSchema.infer(DatasetInfo.load(images_dir), split)
        schema.save(path.with_name(path.name + _INFERRED_SUFFIX))
        schema.save(path)
    return DataSchema.load(path)


def constrain(schema, data_schema):
    """Holds TFDV's schema to the sizes of the examples and the classes of a `DataSchema`."""
    constants = data_schema.spec.constants().items()
    domains = {f"{data_schema.spec.kind}/{name}": (size, size) for name, size in constants if isinstance(size, int)}
    if data_schema.class_names:
        domains["label"] = (0, len(data_schema.class_names) - 1)
    features = {feature.name: feature for feature in schema.feature}
    for name, (smallest, largest) in domains.items():
        feature = features[name] if name in features else schema.feature.add(name=name, type=schema_pb2.INT)
        feature.int_domain.min, feature.int_domain.max = smallest, largest
        feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    if not data_schema.class_names and "label" in features:
        schema.feature.remove(features["label"])


class Executor(schema_gen.Executor):
    """Infers as SchemaGen does, and adds what the kept schema says."""

    def Do(self, input_dict, output_dict, exec_properties):
        super().Do(input_dict, output_dict, exec_properties)
        settings = json.loads(exec_properties["settings"])
        images_dir = artifact_utils.get_single_uri(input_dict["images"])
        data_schema = keep_schema(settings["path"], images_dir, settings["split"])
        path = str(Path(artifact_utils.get_single_uri(output_dict["schema"]), schema_gen.DEFAULT_FILE_NAME))
        schema = io_utils.SchemaReader().read(path)
        constrain(schema, data_schema)
        io_utils.write_pbtxt_file(path, schema)


class ImageSchemaGenSpec(standard_component_specs.SchemaGenSpec):
    """The parameters and inputs of SchemaGen, and the prepared set."""

    PARAMETERS = {
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        "settings": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **standard_component_specs.SchemaGenSpec.INPUTS,
        "images": component_spec.ChannelParameter(type=PreparedImages),
    }


class ImageSchemaGen(SchemaGen):
    """Component: TFX's SchemaGen, held to a schema that is kept from the first run on.

    Args:
        statistics: Channel. The output of StatisticsGen.
        images: Channel. The prepared set, the output of PrepareImages.
        schema_path: String or path. The kept `schema.json`, which the plain pipeline reads as well.
        split: String. The split that is looked at.
    """

    SPEC_CLASS = ImageSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, statistics, images, schema_path, split):
        settings = {"path": str(schema_path), "split": split, "edited": edited_schema(schema_path)}
        base_component.BaseComponent.__init__(
            self,
            ImageSchemaGenSpec(
                statistics=statistics,
                images=images,
                infer_feature_shape=1,
                exclude_splits="[]",
                settings=json.dumps(settings),
                schema=types.Channel(type=standard_artifacts.Schema),
            ),
        )
