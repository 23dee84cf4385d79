"""`python -m pipelines.run --config FILE.yaml`: runs the TFX pipeline locally, with its cache and lineage."""

import argparse
import logging
import sys

from absl import logging as absl_logging

from tfgan_suite.foundation.quiet_tensorflow import import_tensorflow_quietly

import_tensorflow_quietly()
absl_logging.set_verbosity(absl_logging.ERROR)  # Before the imports, which already log.

from tfx import v1 as tfx  # noqa: E402

from pipelines.metadata_reader import MetadataReader, text_of  # noqa: E402
from pipelines.tfx_pipeline import create_pipeline, metadata_path  # noqa: E402
from tfgan_suite.foundation.errors import UserError  # noqa: E402
from tfgan_suite.release.pipeline_config import PipelineConfig  # noqa: E402


def run_locally(config, enable_cache=True, say=print):
    """Runs the pipeline on this machine and reports each step. The cache and the lineage are in ML Metadata.

    Args:
        config: A `PipelineConfig`.
        enable_cache: Boolean. Whether to skip steps that are done and whose inputs have not changed.
        say: Callable. Called with each line.

    Returns:
        List of the `Step`s of the run.

    Raises:
        DataAnomalyError: If the data does not match `schema.json`. No model is trained in this case.
        UserError: If a step fails.
    """
    metadata_path(config).parent.mkdir(parents=True, exist_ok=True)
    tfx.orchestration.LocalDagRunner().run(create_pipeline(config, enable_cache=enable_cache))
    steps = MetadataReader(metadata_path(config)).last_run()
    for step in steps:
        say(f"{step.node}: {'nothing to do' if step.state == 'cached' else 'done'}")
        for artifact in step.outputs:
            if text_of(artifact, "reasons"):
                blessed = "blessed" if text_of(artifact, "blessed") == "1" else "not blessed"
                say(f"    {blessed}. {text_of(artifact, 'reasons')}")
    pushed_dir = pushed_directory(steps)
    say(f"push: {pushed_dir}" if pushed_dir else "push: nothing is pushed")
    return steps


def pushed_directory(steps):
    """Returns the directory that a run's model was pushed to, now or in a cached run; `None` if it was refused."""
    (model,) = next(step for step in steps if step.node == "Pusher").outputs
    return text_of(model, "pushed_destination") or None


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.run",
        description="Runs the TFX pipeline described by a file. Exit code 1: the model was refused and not pushed. "
        "Exit code 2: a user error, or an anomaly in the data.",
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="YAML file, as for tfgan-suite pipeline")
    parser.add_argument("--no-cache", action="store_true", help="repeat all steps")
    parser.add_argument("--verbose", action="store_true", help="also show the log of TFX and Beam")
    args = parser.parse_args(arguments)
    logging.getLogger().setLevel(logging.INFO if args.verbose else logging.ERROR)
    absl_logging.set_verbosity(absl_logging.INFO if args.verbose else absl_logging.ERROR)
    try:
        steps = run_locally(PipelineConfig.load(args.config), enable_cache=not args.no_cache)
    except UserError as error:
        print(f"tfgan-suite: {error}", file=sys.stderr)
        return 2
    return 0 if pushed_directory(steps) else 1


if __name__ == "__main__":
    sys.exit(main())
