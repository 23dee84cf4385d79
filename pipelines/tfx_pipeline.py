"""Builds the TFX pipeline from the configuration of the plain pipeline."""

import json
from pathlib import Path

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx

from pipelines.evaluate_generator import EvaluateGenerator
from pipelines.image_schema import ImageSchemaGen, statistics_features
from pipelines.image_validator import ImageExampleValidator
from pipelines.infra_validate import InfraValidate
from pipelines.metadata_reader import sqlite_store
from pipelines.prepare_images import IN_PROCESS_RUNNER, PrepareImages
from pipelines.push_version import PushVersion
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.foundation import versions
from tfgan_suite.specs.image_spec import ImageSpec

# Runs in this process, which starts quickly and suffices for datasets that fit on one machine. By default, Beam would
# first look for a runner to download. The container image is not used, but without the option, TFX would build a
# package of itself for remote workers each time.
LOCAL_BEAM_ARGS = (f"--runner={IN_PROCESS_RUNNER}", "--sdk_container_image=none")


def tfx_directory(config):
    """Returns the absolute default directory for the artifacts and the metadata of a pipeline, within its root."""
    return Path(config.root).resolve() / "tfx"


def metadata_path(config):
    """Returns the path of the ML Metadata store (SQLite) of local runs."""
    return tfx_directory(config) / "metadata.sqlite"


def create_pipeline(config, pipeline_root=None, beam_pipeline_args=LOCAL_BEAM_ARGS, enable_cache=True):
    """Builds the pipeline without running it.

    Args:
        config: A `PipelineConfig`. `data.directory` is not used, because each dataset is an artifact.
        pipeline_root: String, path, or `None`. Directory for the artifacts. Defaults to a directory within
            `config.root`.
        beam_pipeline_args: Sequence of strings. Beam arguments for PrepareImages, ImportExampleGen, and StatisticsGen,
            such as those for Dataflow.
        enable_cache: Boolean. Whether to skip steps that were already run with the same inputs and settings.

    Returns:
        A `tfx.dsl.Pipeline` for any TFX runner.

    Raises:
        UserError: If the source of the images cannot be used.

    Example:

    >>> pipeline = create_pipeline(PipelineConfig.load("pipelines/digits.yaml"))
    >>> tfx.orchestration.LocalDagRunner().run(pipeline)
    """
    root = tfx_directory(config)
    schema_path = Path(config.root).resolve() / "schema.json"
    split = config.evaluate.get("split", "train")
    source = _absolute(config.data["source"])
    opened = open_source(source)
    spec = opened.spec or ImageSpec((1, 1, 1))  # Images of any size have features of the same names.
    prepare = PrepareImages(
        source=source,
        options={name: value for name, value in config.data.items() if name not in ("source", "directory")},
        source_fingerprint=opened.fingerprint(),
        unfinished_dir=root / "unfinished",
    )
    images = prepare.outputs["images"]
    examples = tfx.components.ImportExampleGen(
        prepare.outputs["directory"].future()[0].value, **_splits(list(config.data.get("splits") or ["train"]))
    )
    statistics = tfx.components.StatisticsGen(
        examples=examples.outputs["examples"],
        stats_options=tfdv.StatsOptions(feature_allowlist=statistics_features(spec)),
    )
    schema = ImageSchemaGen(statistics.outputs["statistics"], images, schema_path, split).with_id("SchemaGen")
    validator = ImageExampleValidator(
        statistics.outputs["statistics"], schema.outputs["schema"], images, schema_path
    ).with_id("ExampleValidator")
    trainer = tfx.components.Trainer(
        run_fn="pipelines.trainer.run_fn",
        examples=examples.outputs["examples"],
        hyperparameters=prepare.outputs["training_input"],
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=[split]),
        custom_config={
            "name": config.name,
            "train": config.train,
            "unfinished_dir": str(root / "unfinished"),
            "versions": versions.library_versions(),
        },
    )
    trainer.add_upstream_node(validator)
    model = trainer.outputs["model"]
    push_directory = config.push_directory.resolve()
    evaluator = EvaluateGenerator(
        model=model,
        images=images,
        settings=json.dumps(
            {
                "name": config.name,
                "gate": config.gate,
                "evaluate": config.evaluate,
                "push": {"directory": str(push_directory.parent)},
            }
        ),
    )
    infra = InfraValidate(model=model)
    pusher = PushVersion(
        model=model,
        model_run=trainer.outputs["model_run"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra.outputs["blessing"],
        directory=push_directory,
        train=config.train,
        card={name: config.push[name] for name in ("description", "license") if name in config.push},
        metadata_path=metadata_path(config),
    ).with_id("Pusher")
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(pipeline_root or root / "artifacts"),
        metadata_connection_config=sqlite_store(metadata_path(config)),
        components=[prepare, examples, statistics, schema, validator, trainer, evaluator, infra, pusher],
        beam_pipeline_args=list(beam_pipeline_args),
        enable_cache=enable_cache,
    )


def _splits(names):
    """Configures ExampleGen to keep the splits of PrepareImages, since it would otherwise divide a single one again."""
    patterns = [tfx.proto.Input.Split(name=name, pattern=f"{name}-*.tfrecord*") for name in names]
    settings = {"input_config": tfx.proto.Input(splits=patterns)}
    if len(names) == 1:
        whole = tfx.proto.SplitConfig.Split(name=names[0], hash_buckets=1)
        settings["output_config"] = tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=[whole]))
    return settings


def _absolute(source):
    """Makes a source that is a path absolute. The name of a demo dataset is returned unchanged."""
    return str(Path(source).resolve()) if Path(source).exists() else source
