"""`tfgan-suite export`: a run becomes a servable model."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "export",
        help="write a SavedModel for TensorFlow Serving",
        description="Writes saved_models/NAME/VERSION with signatures, warm-up requests and a model card.",
        epilog=arguments.examples(
            "tfgan-suite export runs/digits saved_models/digits",
            "tfgan-suite export runs/digits saved_models/digits/3 --overwrite --description 'Handwritten digits.'",
            "tfgan-suite serve saved_models/digits",
        ),
    )
    parser.add_argument("model", help="a run, or a .keras file")
    parser.add_argument("path", help="saved_models/NAME for the next free version, or saved_models/NAME/VERSION")
    parser.add_argument("--description", default="", help="a sentence for the model card")
    parser.add_argument("--licence", default="", help="of the weights")
    parser.add_argument(
        "--max-count", type=arguments.positive_int, default=64, help="largest number of images in a request"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace that version")
    return parser


def run(args):
    from tfgan_suite import runs

    path = runs.export_run(
        args.model,
        args.path,
        description=args.description,
        licence=args.licence,
        max_count=args.max_count,
        overwrite=args.overwrite,
    )
    print(f"{path}\nTo go on: tfgan-suite serve {path.parent}")
