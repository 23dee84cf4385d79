"""`tfgan-suite compile-check`: whether a training step can be compiled for a TPU, without having one."""

import json
import sys

from tfgan_suite.commands import arguments
from tfgan_suite.compile_check.compile_report import STAGES, TARGETS
from tfgan_suite.foundation.choices import AUGMENTATIONS, PRECISIONS
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "compile-check",
        help="compile a training step for a TPU, without having one",
        description="Lists each operation of a model's training step that a TPU cannot run, and where it was created; then compiles "
        "the step with the TPU's own compiler for memory and flops. Nothing is run. Takes minutes and needs the extra [tpu]; "
        "--stage ops and --stage lower take seconds and need only TensorFlow.",
        epilog=arguments.examples(
            "tfgan-suite compile-check --target tpu-v5e --preset dcgan_paper_64",
            "tfgan-suite compile-check --target tpu-v5e --preset stylegan2_few_images_64 --batch-size 8",
            "tfgan-suite compile-check --target tpu-v5e --preset stylegan2 --image-size 64 --stage lower",
            "tfgan-suite compile-check --target tpu-v5e --run runs/digits --json",
        ),
    )
    parser.add_argument("--target", default="tpu-v5e", choices=TARGETS)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--preset", help="a preset, or a model for its paper's settings")
    what.add_argument("--run", dest="run_dir", metavar="DIR", help="a run, for the step that it trains with")
    parser.add_argument(
        "--batch-size", type=arguments.positive_int, metavar="N",
        help="examples of a step on one core (default: those of the preset or the run)",
    )  # fmt: skip
    parser.add_argument(
        "--stage", choices=STAGES, default="compile",
        help="how far to go: check the operations, lower them to XLA, compile them (default)",
    )  # fmt: skip
    parser.add_argument("--image-size", type=arguments.size, help="for presets without one (default: 64)")
    parser.add_argument(
        "--set", dest="model", type=arguments.assignment, action="append", default=[], metavar="NAME=VALUE",
        help="an argument of the model's constructor, in place of the preset's",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="dtype policy of the networks (default: float32, or the run's)"
    )
    parser.add_argument("--augmentation", choices=AUGMENTATIONS, help="in place of the preset's or the run's")
    parser.add_argument("--microbatch-size", type=arguments.positive_int, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def run(args):
    from tfgan_suite.compile_check.check import check_model
    from tfgan_suite.compile_check.checked_model import model_of_preset, model_of_run

    changes = {
        name: getattr(args, name)
        for name in ("precision", "augmentation", "microbatch_size", "batch_size")
        if getattr(args, name) is not None
    }
    if args.run_dir:
        if args.model or args.image_size:
            raise UserError("--set and --image-size go with --preset. A run's settings are in its config.json.")
        model, batch_size = model_of_run(args.run_dir, changes)
    else:
        model, batch_size = model_of_preset(args.preset, dict(args.model), args.image_size, changes)
    report = check_model(model, batch_size, args.target, args.stage, lambda line: say(line, file=sys.stderr))
    say(json.dumps(report.to_json(), indent=2) if args.json else report)
    if not report.passed:
        more = f"; and {len(report.obstacles) - 3} more" if len(report.obstacles) > 3 else ""
        raise UserError(
            f"The training step of {report.model} cannot be compiled for {args.target}: "
            f"{'; '.join(report.obstacles[:3])}{more}"
        )
