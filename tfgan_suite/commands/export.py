"""`tfgan-suite export`: a run becomes a servable model, or a file for another engine."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "export",
        help="write a SavedModel for TensorFlow Serving, an ONNX or a LiteRT file",
        description="Writes saved_models/NAME/VERSION with signatures, warm-up requests and a model card; or, with "
        "--format, the generator alone as a file with a model card, once its images have been compared with the model's.",
        epilog=arguments.examples(
            "tfgan-suite export runs/digits saved_models/digits",
            "tfgan-suite export runs/digits saved_models/digits/3 --overwrite --description 'Handwritten digits.'",
            "tfgan-suite serve saved_models/digits",
            "tfgan-suite export runs/digits exports/digits --format onnx",
            "tfgan-suite export saved_models/digits exports/digits --format litert-int8 --calibration-images 200",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument(
        "path", help="saved_models/NAME for the next free version, or saved_models/NAME/VERSION; with --format the file"
    )
    parser.add_argument(
        "--format", choices=("onnx", "litert", "litert-float16", "litert-int8"), help="a file instead of a SavedModel"
    )
    parser.add_argument("--description", default="", help="a sentence for the model card")
    parser.add_argument("--licence", default="", help="of the weights")
    parser.add_argument(
        "--max-count", type=arguments.positive_int, default=64, help="largest number of images in a request"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace that version or file")
    of_files = parser.add_argument_group("with --format")
    of_files.add_argument(
        "--batch-size", type=arguments.positive_int, default=1, help="images at a time in a LiteRT file (default 1)"
    )
    of_files.add_argument(
        "--calibration-images", type=arguments.positive_int, default=64, metavar="N",
        help="images drawn to find the ranges of litert-int8 (default 64)",
    )  # fmt: skip
    of_files.add_argument(
        "--minimum-psnr", type=arguments.natural_float, metavar="DECIBELS",
        help="least likeness to the model's images, if not the format's own",
    )  # fmt: skip
    return parser


def run(args):
    from tfgan_suite.runs import run_files

    card = {"description": args.description, "licence": args.licence, "overwrite": args.overwrite}
    if args.format is None:
        path = run_files.export_run(args.model, args.path, max_count=args.max_count, **card)
        print(f"{path}\nTo go on: tfgan-suite serve {path.parent}")
        return
    from tfgan_suite.exports.export_network import export_network, read_card

    path = run_files.export_run(
        args.model,
        args.path,
        export_network,
        format=args.format,
        batch_size=args.batch_size,
        calibration_images=args.calibration_images,
        minimum_psnr=args.minimum_psnr,
        **card,
    )
    parity = read_card(path)["file"]["parity"]
    print(
        f"{path}: {path.stat().st_size:,} bytes. Against the model, {parity['images']} images: PSNR "
        f"{parity['psnr_decibels']} dB, largest difference {parity['max_difference']:.2g} of 2."
    )
