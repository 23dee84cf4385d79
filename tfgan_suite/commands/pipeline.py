"""`tfgan-suite pipeline`: from data to a pushed model, as described by a YAML file."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


class GateRefusal(UserError):
    """The pipeline finished, but its model was not good enough."""

    exit_code = 1


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "pipeline",
        help="prepare, check, train, score, decide and push, as described by a file",
        description="Follows the file: prepares data, checks them against the schema of the first run, trains, scores, and pushes the "
        "model if it passes the gate. Steps that are done and unchanged are skipped. Needs the extras [beam] and [pipeline]. "
        "Exit code 1: the model was not good enough, and was not pushed.",
        epilog=arguments.examples(
            "tfgan-suite pipeline --config pipelines/digits.yaml",
            "tfgan-suite pipeline --config pipelines/digits.yaml --dry-run",
        ),
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="a YAML file")
    parser.add_argument(
        "--dry-run", action="store_true", help="check file, source and model, print what would be done, and stop"
    )
    return parser


def run(args):
    from tfgan_suite.release.pipeline_config import PipelineConfig

    config = PipelineConfig.load(args.config)
    if args.dry_run:
        from tfgan_suite.release.pipeline_checks import check_pipeline

        info = check_pipeline(config)
        if info is None:
            say(f"data: {config.data['source']} is not opened, since that may download it; nor is the model built")
        else:
            say(
                f"data: {info.num_examples:,} {info.spec.unit[1]} of {info.spec.describe()}, {info.num_classes} classes"
            )
        say(config.train_config(f"{config.root}/runs/..."))
        say(f"gate: {config.gate['thresholds']}, better than the last in {config.compared_score}")
        say(f"push: {config.push_directory}/VERSION")
        return
    from tfgan_suite.release.run_pipeline import run_pipeline

    if run_pipeline(config).pushed is None:
        raise GateRefusal("The model was not pushed: the gate refused it.")
