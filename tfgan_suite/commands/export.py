"""`tfgan-suite export`: a run becomes a servable model, or a file for another engine."""

import argparse

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "export",
        help="write a SavedModel for TensorFlow Serving, or an ONNX or LiteRT file",
        description="Write saved_models/NAME/VERSION with signatures, warm-up requests and a model card; or, with "
        "--format, one function of it, as a file with a model card, after comparing its output with the model's.",
        epilog=arguments.examples(
            "tfgan-suite export runs/digits saved_models/digits",
            "tfgan-suite export runs/digits saved_models/digits/3 --overwrite --description 'Handwritten digits.'",
            "tfgan-suite serve saved_models/digits",
            "tfgan-suite export runs/digits exports/digits --format onnx",
            "tfgan-suite export saved_models/digits exports/digits --format litert-int8 --calibration-images 200",
            "tfgan-suite export runs/vae exports/log_prob --format onnx --function log_prob",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument(
        "path", help="saved_models/NAME for the next free version, or saved_models/NAME/VERSION; with --format the file"
    )
    parser.add_argument(
        "--format",
        choices=("onnx", "litert", "litert-float16", "litert-int8"),
        help="write a file instead of a SavedModel",
    )
    parser.add_argument("--description", default="", help="a sentence for the model card")
    parser.add_argument("--license", default="", help="license of the weights, for the model card")
    parser.add_argument("--licence", dest="license", help=argparse.SUPPRESS)  # The spelling of version 0.1.
    parser.add_argument(
        "--max-count",
        type=arguments.positive_int,
        default=64,
        help="maximum number of examples in a request (default 64)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace that version or file")
    of_files = parser.add_argument_group("with --format")
    of_files.add_argument(
        "--function", choices=("generate", "encode", "reconstruct", "log_prob"), default="generate",
        help="what the file computes (default generate: from latents to examples)",
    )  # fmt: skip
    of_files.add_argument(
        "--batch-size", type=arguments.positive_int, help="fixes the batch size of a LiteRT file (default: any)"
    )
    of_files.add_argument(
        "--calibration-images", type=arguments.positive_int, default=64, metavar="N",
        help="examples drawn to find the ranges of litert-int8 (default 64)",
    )  # fmt: skip
    of_files.add_argument(
        "--minimum-psnr", type=arguments.natural_float, metavar="DECIBELS",
        help="minimum PSNR against the model, instead of the format's own",
    )  # fmt: skip
    return parser


def run(args):
    from tfgan_suite.runs import run_files

    card = {"description": args.description, "license": args.license, "overwrite": args.overwrite}
    if args.format is None:
        path = run_files.export_run(args.model, args.path, max_count=args.max_count, **card)
        say(f"{path}\nNext: tfgan-suite serve {path.parent}")
        return
    from tfgan_suite.exports.export_network import export_network, read_card

    path = run_files.export_run(
        args.model,
        args.path,
        export_network,
        format=args.format,
        function=args.function,
        batch_size=args.batch_size,
        calibration_images=args.calibration_images,
        minimum_psnr=args.minimum_psnr,
        **card,
    )
    parity = read_card(path)["file"]["parity"]
    say(
        f"{path}: {path.stat().st_size:,} bytes. Compared with the model on {parity['examples']} examples: PSNR "
        f"{parity['psnr_decibels']} dB, largest difference {parity['max_difference']:.2g} of {parity['peak']:g}."
    )
