"""`tfgan-suite train`: one flag for each field of `TrainConfig`."""

import argparse
import dataclasses

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.choices import ALERT_ACTIONS, AUGMENTATIONS, DIVERSITY_MEASURES, PRECISIONS, STRATEGIES
from tfgan_suite.runs.train_config import TrainConfig


def add_parser(subparsers):
    defaults = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    parser = subparsers.add_parser(
        "train",
        help="train a model, or go on with a run that was stopped",
        description="Trains until --images have been seen. Stop it at any moment and give the same command again: it "
        "goes on, to the same weights as without the stop.",
        epilog=arguments.examples(
            "tfgan-suite train --preset dcgan_digits_32 --data data/digits --run runs/digits",
            "tfgan-suite train --preset dcgan --data data/photos --run runs/photos --images 500,000 --dry-run",
            "tfgan-suite train --preset dcgan --data data/photos --run runs/small --set base_channels=32 --set kernel_size=4",
            "tensorboard --logdir runs/digits/tensorboard",
        ),
    )
    parser.add_argument("--data", dest="data_dir", required=True, metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--run", dest="run_dir", required=True, metavar="DIR", help="where everything is written")
    parser.add_argument("--preset", default=defaults["preset"], help="a preset, or a model for its paper's settings")
    parser.add_argument(
        "--set", dest="model", type=arguments.assignment, action="append", default=[], metavar="NAME=VALUE",
        help="an argument of the model's constructor, in place of the preset's",
    )  # fmt: skip
    parser.add_argument("--images", dest="total_images", type=arguments.positive_int, help="images to train on")
    parser.add_argument("--batch-size", type=arguments.positive_int)
    parser.add_argument(
        "--microbatch-size", type=arguments.positive_int, metavar="N",
        help="work through each batch in slices of N images, in the memory of one",
    )  # fmt: skip
    parser.add_argument("--images-per-tick", type=arguments.positive_int, help="between checkpoints and pictures")
    parser.add_argument("--seed", type=arguments.natural_int, default=defaults["seed"])
    parser.add_argument(
        "--conditional",
        action=argparse.BooleanOptionalAction,
        help="use the data's classes (default: if there are any, unless the preset does not)",
    )
    parser.add_argument("--horizontal-flip", action="store_true", help="mirror half of the images")
    parser.add_argument(
        "--augmentation", choices=AUGMENTATIONS, help="what the discriminator sees all images through, for small sets"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default=defaults["precision"], help="of the networks")
    parser.add_argument(
        "--score-every-ticks", type=arguments.whole_int, default=defaults["score_every_ticks"],
        help="0: only at the end (default), -1: never",
    )  # fmt: skip
    parser.add_argument("--score-images", type=arguments.positive_int, help="generated images of one scoring")
    parser.add_argument("--keep-checkpoints", type=arguments.positive_int, default=defaults["keep_checkpoints"])
    parser.add_argument(
        "--on-instability", choices=ALERT_ACTIONS, default=defaults["on_instability"],
        help="what to do when gradients or scores run away",
    )  # fmt: skip
    parser.add_argument(
        "--on-collapse", choices=ALERT_ACTIONS, default=defaults["on_collapse"],
        help="what to do when samples lose their variety, or the discriminator overfits",
    )  # fmt: skip
    parser.add_argument(
        "--diversity", choices=DIVERSITY_MEASURES, default=defaults["diversity"],
        help="what the variety of samples is measured with: their main components, or as people see it ([lpips])",
    )  # fmt: skip
    parser.add_argument(
        "--guard-gradients", action="store_true", help="leave out updates with broken or exploding gradients"
    )
    parser.add_argument("--steps-per-execution", type=arguments.positive_int, default=defaults["steps_per_execution"])
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default=defaults["strategy"],
        help="devices: auto takes the workers in TF_CONFIG, else a TPU, else all GPUs, else the CPU",
    )  # fmt: skip
    parser.add_argument("--jit-compile", action="store_true", help="compile the step with XLA")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, with estimates, and stop")
    return parser


def config_of(args):
    """The `TrainConfig` that parsed arguments stand for."""
    values = {field.name: getattr(args, field.name) for field in dataclasses.fields(TrainConfig)}
    return TrainConfig(**{**values, "model": dict(args.model)})


def run(args):
    from tfgan_suite.runs.dry_run import estimate_training
    from tfgan_suite.runs.train import train

    config = config_of(args)
    if args.dry_run:
        print(estimate_training(config))
        return
    result = train(config)
    if result.evaluation:
        print(result.evaluation)
    print(f"Written to {result.run_dir}. To go on: tfgan-suite report {result.run_dir}")
