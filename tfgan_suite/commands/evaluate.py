"""`tfgan-suite evaluate`: scores of a model."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "evaluate",
        help="score a model against a data set",
        description="Scores generated images against real ones. The scores of a run are added to its metrics.json.",
        epilog=arguments.examples(
            "tfgan-suite evaluate runs/digits",
            "tfgan-suite evaluate runs/digits --images 1000 --truncation 0.7",
            "tfgan-suite evaluate saved_models/digits --data data/digits --classifier",
            "tfgan-suite compare runs/digits runs/other",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument("--data", metavar="DIR", help="prepared data set; by default the run's")
    parser.add_argument("--split", default="train")
    parser.add_argument(
        "--images", type=arguments.positive_int, help="generated images; by default as many as real ones"
    )
    parser.add_argument("--seed", type=arguments.natural_int, default=0)
    parser.add_argument("--batch-size", type=arguments.positive_int, default=64)
    parser.add_argument("--truncation", type=arguments.fraction, default=1.0)
    parser.add_argument("--classifier", action="store_true", help="look with a classifier of the data's own classes")
    parser.add_argument("--output", metavar="DIR", help="where to add to metrics.json; by default the run")
    return parser


def run(args):
    from tfgan_suite import runs

    print(
        runs.evaluate_model(
            args.model,
            args.data,
            classifier=args.classifier,
            output_dir=args.output,
            split=args.split,
            num_images=args.images,
            seed=args.seed,
            batch_size=args.batch_size,
            truncation=args.truncation,
        )
    )
