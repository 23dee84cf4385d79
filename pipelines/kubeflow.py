"""`python -m pipelines.kubeflow`: writes the JSON specification for Kubeflow Pipelines v2 and Vertex AI."""

import argparse
import sys
from pathlib import Path

from tfx import v1 as tfx

from pipelines.tfx_pipeline import create_pipeline
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release.pipeline_config import PipelineConfig


def compile_for_kubeflow(config, image, pipeline_root, output_path, beam_pipeline_args=()):
    """Writes the specification of the pipeline. Nothing is run, and no cluster is contacted.

    Args:
        config: A `PipelineConfig`. `root` and `push.directory` must be paths that all containers can access.
        image: String. Container image with TFX, tfgan-suite, and this folder.
        pipeline_root: String. Directory for the artifacts, which all containers must be able to access.
        output_path: String or path of the `.json` file to write.
        beam_pipeline_args: Sequence of strings. Arguments for the steps that run on Beam, such as those for Dataflow.

    Returns:
        A `pathlib.Path`. The absolute path of the file.

    Raises:
        UserError: If the source cannot be used, or `pipeline_root` is not a path.
    """
    if "://" in pipeline_root:
        raise UserError(
            "`pipeline_root` must be a path, such as that of a volume or a mounted bucket (/gcs/BUCKET). "
            f"Received: pipeline_root={pipeline_root!r}"
        )
    output_path = Path(output_path).resolve()
    output_path.parent.mkdir(parents=True, exist_ok=True)
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image=image),
        output_dir=str(output_path.parent),
        output_filename=output_path.name,
    )
    runner.run(create_pipeline(config, pipeline_root, beam_pipeline_args), write_out=True)
    return output_path


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m pipelines.kubeflow", description=__doc__)
    parser.add_argument("--config", required=True, metavar="FILE", help="YAML file, as for tfgan-suite pipeline")
    parser.add_argument("--image", required=True, help="container image with TFX, tfgan-suite, and this folder")
    parser.add_argument(
        "--pipeline-root", required=True, metavar="DIR", help="directory for artifacts, accessible to all containers"
    )
    parser.add_argument("--output", required=True, metavar="FILE.json")
    parser.add_argument(
        "beam_args", nargs="*", metavar="-- --BEAM_ARGUMENT", help="such as --runner=DataflowRunner --project=PROJECT"
    )
    args = parser.parse_args(arguments)
    try:
        config = PipelineConfig.load(args.config)
        print(compile_for_kubeflow(config, args.image, args.pipeline_root, args.output, args.beam_args))
    except UserError as error:
        print(f"tfgan-suite: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
