"""A SchemaGen for examples: constrains the schema that TFDV infers by the `schema.json` of the pipeline."""

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

# Suffix of a copy of the inferred schema, kept next to the schema to detect edits by the user.
_INFERRED_SUFFIX = ".inferred"


def statistics_features(spec):
    """The features worth statistics. Content and names are different for every example: theirs would be meaningless."""
    return [*(f"{spec.kind}/{name}" for name in spec.constants()), "label"]


def edited_schema(path):
    """Returns the text of a schema that the user wrote or edited; empty if there is none, or it is as inferred."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    inferred = path.with_name(path.name + _INFERRED_SUFFIX)
    return "" if inferred.exists() and inferred.read_text(encoding="utf-8") == text else text


def keep_schema(path, images_dir, split):
    """Loads the `DataSchema` at `path`. If there is none, infers it from the prepared set and writes it."""
    path = Path(path)
    if not path.exists():
        schema = DataSchema.infer(DatasetInfo.load(images_dir), split)
        schema.save(path.with_name(path.name + _INFERRED_SUFFIX))
        schema.save(path)
    return DataSchema.load(path)


def constrain(schema, data_schema):
    """Constrains TFDV's schema to the sizes of the examples and the classes of a `DataSchema`."""
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
    """Infers a schema as SchemaGen does and adds the constraints of `schema.json`."""

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
    """The specification of SchemaGen, with the prepared set as an additional input."""

    PARAMETERS = {
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        "settings": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **standard_component_specs.SchemaGenSpec.INPUTS,
        "images": component_spec.ChannelParameter(type=PreparedImages),
    }


class ImageSchemaGen(SchemaGen):
    """Component: TFX's SchemaGen, constrained by a schema that is kept from the first run onward.

    Args:
        statistics: A channel of StatisticsGen.
        images: A channel of PrepareImages.
        schema_path: String or path of `schema.json`, which the plain pipeline also reads.
        split: String. Name of the split to check.
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
