"""`tfgan-suite convert`: turns a published checkpoint into a model of the suite."""

import argparse

from tfgan_suite.checkpoints.kinds import KINDS
from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import unknown_name
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.terminal import say


def kind(text):
    """The name of a format."""
    if text not in KINDS:
        raise argparse.ArgumentTypeError(str(unknown_name("kind of checkpoint", text, KINDS)))
    return text


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "convert",
        help="turn an official checkpoint into a model",
        description="Reads a checkpoint without running anything in it, and writes OUT/model.keras, which holds no pickle, and "
        "OUT/conversion.json, which records where it comes from and its license.",
        epilog=arguments.examples(
            "tfgan-suite convert nvidia-stylegan2 ffhq.pkl converted/ffhq --dry-run",
            "tfgan-suite convert nvidia-stylegan2 ffhq.pkl converted/ffhq",
            "tfgan-suite convert nvidia-stylegan2 network-snapshot-025000.pkl converted/mine --license 'CC BY 4.0'",
            "tfgan-suite convert nvidia-stylegan2 cars.pkl converted/cars --set minibatch_stddev_group_size=8",
            "tfgan-suite convert nvidia-progan karras2018iclr-celebahq-1024x1024.pkl converted/celebahq",
            "tfgan-suite convert biggan-pytorch G_ema.pth converted/biggan --discriminator D.pth --trained-generator G.pth",
            "tfgan-suite convert biggan-tfhub biggan-deep-256_1/ converted/deep --truncation 0.4",
            "tfgan-suite sample converted/ffhq --truncation 0.7",
            "tfgan-suite export converted/ffhq saved_models/ffhq",
        ),
    )
    parser.add_argument("kind", type=kind, metavar="KIND", help=f"the checkpoint's format: {', '.join(KINDS)}")
    sources = "; ".join(f"{name}: {kind.source}" for name, kind in KINDS.items())
    parser.add_argument("file", metavar="FILE", help=f"the file or directory. {sources}")
    parser.add_argument("output_dir", metavar="OUT", help="the directory to create")
    parser.add_argument("--discriminator", metavar="FILE", help="biggan-pytorch: the discriminator's file, D.pth")
    parser.add_argument("--trained-generator", metavar="FILE", help="biggan-pytorch: the generator in training, G.pth")
    parser.add_argument(
        "--truncation",
        type=arguments.fraction,
        metavar="T",
        help="biggan-tfhub: which of the module's standing statistics to use (default: 1)",
    )
    parser.add_argument(
        "--license",
        metavar="TEXT",
        help="license of the weights; by default that of the published files, where it is known",
    )
    parser.add_argument("--licence", dest="license", help=argparse.SUPPRESS)  # The spelling of version 0.1.
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=arguments.assignment,
        metavar="NAME=VALUE",
        help="a setting of the networks, in place of the file's; may be given several times",
    )
    parser.add_argument("--dry-run", action="store_true", help="show architecture and parameters, write nothing")
    parser.add_argument("--overwrite", action="store_true", help="replace the output of an earlier conversion")
    return parser


def run(args):

    from tfgan_suite.checkpoints import conversion

    if not args.dry_run:
        conversion.check_output(local_path(args.output_dir), args.overwrite)
    flags = {name: getattr(args, name) for name in ("discriminator", "trained_generator", "truncation")}
    settings = {name: value for name, value in flags.items() if value is not None} | dict(args.settings)
    read = conversion.read_conversion(args.kind, args.file, license=args.license, **settings)
    say(describe(read.manifest))
    if args.dry_run:
        say("Nothing was written.")
        return
    path = conversion.write_conversion(read, args.output_dir, overwrite=args.overwrite)
    say(f"{path}\nNext: tfgan-suite sample {path}")


def describe(manifest):
    """The content of a manifest as text for people."""
    source = manifest["source"]
    rows = [
        ("source", f"{source['file']}, {source['size_bytes']:,} bytes, {source['format']}"),
        ("SHA-256", source["sha256"]),
        ("license", f"{manifest['license']} (from {manifest['license_from']})"),
    ]
    for name, config in manifest["architecture"].items():
        settings = ", ".join(f"{key}={value}" for key, value in config.items() if value is not None)
        rows += [(name, f"{manifest['parameters'][name]:,} parameters"), ("", settings)]
    rows += [("assumed", f"{name}: {why}") for name, why in manifest["assumed_settings"].items()]
    return "\n".join(f"{name:<13}  {text}" for name, text in rows)
