"""`tfgan-suite evaluate`: scores of a model, or of images."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "evaluate",
        help="score a model, or images, against a dataset",
        description="Scores a model, or images that any tool has made, against a dataset. The scores of a run are added to "
        "its metrics.json.",
        epilog=arguments.examples(
            "tfgan-suite evaluate runs/digits",
            "tfgan-suite evaluate runs/digits --images 1000 --truncation 0.7",
            "tfgan-suite evaluate saved_models/digits --data data/digits --classifier",
            "tfgan-suite evaluate runs/digits --images 50000 --extractor inception --extractor-weights FILE",
            "tfgan-suite evaluate runs/digits --repeats 3 --markdown",
            "tfgan-suite evaluate runs/digits --metrics intra_class_frechet_distance,classification_accuracy",
            "tfgan-suite evaluate runs/stacked --extractor stacked-digits --images 26,000",
            "tfgan-suite evaluate runs/avatars --metrics perceptual_path_length --images 1000",
            "tfgan-suite evaluate pictures --data photographs",
            "tfgan-suite evaluate samples.npz --data data/digits --output scores",
            "tfgan-suite evaluate --watch runs/digits --images 1000",
            "tfgan-suite compare runs/digits runs/other",
        ),
    )
    parser.add_argument(
        "model",
        help="a run, a .keras file or an exported model; or images: a folder, a .zip or .npz file, or a prepared dataset",
    )
    parser.add_argument(
        "--data",
        metavar="SET",
        help="prepared dataset, or a folder, .zip or .npz file of images; by default the run's dataset",
    )
    parser.add_argument("--split", default="train")
    parser.add_argument(
        "--images", type=arguments.positive_int, help="examples to generate; by default as many as real ones"
    )
    parser.add_argument(
        "--metrics",
        type=lambda text: tuple(text.split(",")),
        metavar="NAME,NAME,...",
        help="such as frechet_distance, precision_recall, intra_class_frechet_distance, classification_accuracy, "
        "perceptual_path_length, bits_per_dimension; by default those that fit the model and the extractor",
    )
    parser.add_argument(
        "--held-out", default="test", metavar="SPLIT", help="for classification_accuracy (default: test)"
    )
    parser.add_argument(
        "--repeats",
        type=arguments.positive_int,
        metavar="K",
        help="generate and score K times; rows hold mean, standard deviation and minimum",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="score each new checkpoint of a run until it has ended, while it trains",
    )
    parser.add_argument("--markdown", action="store_true", help="print a table with the protocol of each score")
    parser.add_argument("--seed", type=arguments.natural_int, default=0)
    parser.add_argument("--batch-size", type=arguments.positive_int, default=64)
    arguments.add_sampling(parser)
    parser.add_argument(
        "--extractor",
        choices=["efficientnet-lite0", "inception", "stacked-digits"],
        default="efficientnet-lite0",
        help="feature network; inception is that of FID and needs --extractor-weights, stacked-digits counts their modes",
    )
    parser.add_argument(
        "--extractor-weights",
        metavar="FILE",
        help="of inception: frozen graph, TF-Hub module or PyTorch state dict; `download` fetches the last (96 MB)",
    )
    parser.add_argument(
        "--extractor-weights-sha256", metavar="HASH", help="SHA-256 of a weights file whose hash is not published"
    )
    parser.add_argument(
        "--extractor-resize",
        choices=["legacy_tensorflow", "clean"],
        help="of inception: that of published FIDs (default), or antialiased",
    )
    parser.add_argument(
        "--classifier", action="store_true", help="score through a classifier of the data's own classes as well"
    )
    parser.add_argument("--output", metavar="DIR", help="where to add to metrics.json; by default the run")
    return parser


def run(args):
    from tfgan_suite.runs import evaluate_model

    options = {
        "extractor": _make_extractor(args),
        "split": args.split,
        "num_images": args.images,
        "seed": args.seed,
        "batch_size": args.batch_size,
        **arguments.sampling_of(args),
    }
    if args.repeats is not None:
        options["repeats"] = args.repeats
    if args.watch:
        _watch(args, options)
        return
    evaluation = evaluate_model.evaluate_model(
        args.model,
        args.data,
        metrics=args.metrics,
        classifier=args.classifier,
        held_out_split=args.held_out,
        output_dir=args.output,
        **options,
    )
    say(evaluation.to_markdown() if args.markdown else evaluation)


def _watch(args, options):
    from tfgan_suite.runs import evaluate_model
    from tfgan_suite.runs.run_watcher import RunWatcher

    if args.output:
        raise UserError("`--output` must not be given with --watch, which adds to the scores of the run itself.")
    if args.classifier:
        options["extractor"] = [options["extractor"], "dataset-classifier"]
    metrics = evaluate_model.metrics_of_names(args.metrics, args.held_out) if args.metrics else None
    RunWatcher(args.model, args.data, metrics=metrics, **options).watch()


def _make_extractor(args):
    options = {"weights_sha256": args.extractor_weights_sha256, "resize": args.extractor_resize}
    options = {name: value for name, value in options.items() if value is not None}
    if args.extractor != "inception":
        if args.extractor_weights or options:
            raise UserError("--extractor-weights, its hash and --extractor-resize are for --extractor inception.")
        return args.extractor
    if not args.extractor_weights:
        raise UserError(
            "--extractor inception needs --extractor-weights FILE: no package carries them. docs/inception.md says where "
            "to find them; `--extractor-weights download` fetches 96 MB from GitHub."
        )
    from tfgan_suite.metrics import Inception2015, download_inception_2015

    weights = download_inception_2015() if args.extractor_weights == "download" else args.extractor_weights
    return Inception2015(weights, **options)
