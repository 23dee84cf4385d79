"""The specification for Kubeflow Pipelines v2 and Vertex AI, with the options of Dataflow."""

import json

import pytest

from tests.tiny_pipeline import CONTENT
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release import PipelineConfig

pytest.importorskip(
    "tfx", reason="TFX is not installed here; `make test-tfx` runs these tests in an environment that has it."
)
pytest.importorskip(
    "kfp", reason="kfp is not installed here; `make test-tfx` runs these tests in an environment that has it."
)

from tfx.utils import import_utils  # noqa: E402

from pipelines.kubeflow import compile_for_kubeflow  # noqa: E402
from pipelines.prepare_images import PreparedImages  # noqa: E402

IMAGE = "registry.example/tfgan-suite:1"
DATAFLOW = ("--runner=DataflowRunner", "--project=demo", "--region=europe-west4", "--temp_location=gs://demo/tmp")


@pytest.fixture(scope="module")
def specification(directory, tmp_path_factory):
    source = str(directory / "photos")
    content = {**CONTENT, "data": {**CONTENT["data"], "source": source, "splits": {"train": 0.9, "test": 0.1}}}
    output = tmp_path_factory.mktemp("kubeflow") / "tiny.json"
    compile_for_kubeflow(PipelineConfig.from_dict(content), IMAGE, "/gcs/demo/artifacts", output, DATAFLOW)
    return json.loads(output.read_text())["pipelineSpec"]


def test_every_step_runs_our_image(specification):
    executors = specification["deploymentSpec"]["executors"]
    classes = {}
    for label, executor in executors.items():
        container = executor["container"]
        assert container["image"] == IMAGE
        classes[label.removesuffix("_executor")] = container["args"][
            container["args"].index("--executor_class_path") + 1
        ]
    assert classes == {
        "PrepareImages": "pipelines.prepare_images.Executor",
        "ImportExampleGen": "tfx.components.example_gen.import_example_gen.executor.Executor",
        "StatisticsGen": "tfx.components.statistics_gen.executor.Executor",
        "SchemaGen": "pipelines.image_schema.Executor",
        "ExampleValidator": "pipelines.image_validator.Executor",
        "Trainer": "tfx.components.trainer.executor.GenericExecutor",
        "EvaluateGenerator": "pipelines.evaluate_generator.EvaluateGenerator_Executor",
        "InfraValidate": "pipelines.infra_validate.InfraValidate_Executor",
        "Pusher": "pipelines.push_version.Executor",
    }


def test_kubeflow_finds_the_type_of_the_images(specification):
    output = specification["components"]["PrepareImages"]["outputDefinitions"]["artifacts"]["images"]
    title = output["artifactType"]["instanceSchema"].splitlines()[0].removeprefix("title: ")
    assert import_utils.import_class_by_path(title) is PreparedImages


def test_steps_on_beam_run_on_dataflow(specification):
    executors = specification["deploymentSpec"]["executors"]
    for node in ("PrepareImages", "ImportExampleGen", "StatisticsGen"):
        assert set(DATAFLOW) <= set(executors[f"{node}_executor"]["container"]["args"])


def test_wiring(specification):
    tasks = specification["root"]["dag"]["tasks"]
    examples = tasks["ImportExampleGen"]["inputs"]["parameters"]
    assert examples["input_base"]["taskOutputParameter"]["outputParameterKey"] == "directory"
    patterns = json.loads(examples["input_config"]["runtimeValue"]["constantValue"]["stringValue"])["splits"]
    assert [split["pattern"] for split in patterns] == ["train-*.tfrecord*", "test-*.tfrecord*"]
    assert "ExampleValidator" in tasks["Trainer"]["dependentTasks"]
    assert set(tasks["Pusher"]["inputs"]["artifacts"]) == {"model", "model_run", "model_blessing", "infra_blessing"}


def test_a_bucket_is_to_be_mounted(content, tmp_path):
    with pytest.raises(UserError, match="mounted bucket.*'gs://demo'"):
        compile_for_kubeflow(PipelineConfig.from_dict(content), IMAGE, "gs://demo", tmp_path / "x.json")
