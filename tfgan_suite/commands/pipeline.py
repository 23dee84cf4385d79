"""`tfgan-suite pipeline`: from images to a pushed model, as a YAML file says."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError


class GateRefusal(UserError):
    """The pipeline ran to its end, but its model was not good enough."""

    exit_code = 1


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "pipeline",
        help="prepare, check, train, score, decide and push, as a file says",
        description="Does what the file says: prepares images, checks them against the schema of the first time, trains, "
        "scores, pushes the model if it passes the gate. What is done and unchanged is not done again. Needs the extras "
        "[beam] and [pipeline]. Exit code 1: the model was not good enough, and was not pushed.",
        epilog=arguments.examples(
            "tfgan-suite pipeline --config pipelines/digits.yaml",
            "tfgan-suite pipeline --config pipelines/digits.yaml --dry-run",
        ),
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="a YAML file")
    parser.add_argument("--dry-run", action="store_true", help="check the file, print what it stands for, and stop")
    return parser


def run(args):
    from tfgan_suite.release.pipeline_config import PipelineConfig

    config = PipelineConfig.load(args.config)
    if args.dry_run:
        print(config.train_config(f"{config.root}/runs/..."))
        print(f"gate: {config.gate['thresholds']}, better than the last in {config.compared_score}")
        print(f"push: {config.push_directory}/VERSION")
        return
    from tfgan_suite.release.run_pipeline import run_pipeline

    if run_pipeline(config).pushed is None:
        raise GateRefusal("The model was not pushed: the gate refused it.")
