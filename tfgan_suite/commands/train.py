"""`tfgan-suite train`: one flag for each field of `TrainConfig`, made from the field."""

import argparse
import dataclasses

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say
from tfgan_suite.runs.train_config import TrainConfig

_NUMBERS = {0: arguments.natural_int, 1: arguments.positive_int}


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "train",
        help="train a model, or resume an interrupted run",
        description="Trains until --images have been seen. You can interrupt training at any time; run the same command again "
        "to resume with bit-identical results.",
        epilog=arguments.examples(
            "tfgan-suite train --preset dcgan_digits_32 --data data/digits --run runs/digits",
            "tfgan-suite train --preset dcgan --data data/photos --run runs/photos --images 500,000 --dry-run",
            "tfgan-suite train --preset dcgan --data data/photos --run runs/small --set base_channels=32 --set kernel_size=4",
            "tfgan-suite train --preset dcgan --data data/photos --run runs/hinge --compile loss=Hinge",
            "tensorboard --logdir runs/digits/tensorboard",
        ),
    )
    for field in dataclasses.fields(TrainConfig):
        _add_flag(parser, field)
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, with estimates, and stop")
    return parser


def _add_flag(parser, field):
    """Adds the flag of a field: what it takes follows from the field's type and what is known of it."""
    known = field.metadata
    flag = known["flag"] or "--" + field.name.replace("_", "-")
    options = {"dest": field.name, "help": known["help"]}
    if field.type is dict:
        options |= {"type": arguments.assignment, "action": "append", "default": [], "metavar": "NAME=VALUE"}
        parser.add_argument(flag, **options)
        return
    if field.default is dataclasses.MISSING:
        options["required"] = True
    else:
        options["default"] = field.default
    if field.type is bool:
        options["action"] = "store_true"
    elif field.type == bool | None:
        options["action"] = argparse.BooleanOptionalAction
    else:
        options["metavar"] = known["metavar"]
        if known["minimum"] is not None:
            options["type"] = _NUMBERS.get(known["minimum"], arguments.whole_int)
        if known["choices"] is not None:
            options["choices"] = known["choices"]
    parser.add_argument(flag, **options)


def config_of(args):
    """The `TrainConfig` that parsed arguments stand for."""
    values = {field.name: getattr(args, field.name) for field in dataclasses.fields(TrainConfig)}
    return TrainConfig(**{**values, "model": dict(args.model), "compile": dict(args.compile)})


def run(args):
    from tfgan_suite.runs.dry_run import estimate_training
    from tfgan_suite.runs.train import train

    config = config_of(args)
    if args.dry_run:
        say(estimate_training(config))
        return
    result = train(config)
    if result.evaluation:
        say(result.evaluation)
    say(f"Written to {result.run_dir}. Next: tfgan-suite report {result.run_dir}")
