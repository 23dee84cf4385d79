"""`tfgan-suite generate`: many examples of an exported model, as a data set or a zip."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "generate",
        help="write a data set, or a zip of files, of an exported model's examples",
        description="Generates any number of examples on any number of workers (Beam). Each example has its own seed: the "
        "same command gives the same examples on any runner. Run it again to resume an interrupted one.",
        epilog=arguments.examples(
            "tfgan-suite generate saved_models/digits data/generated --count 50,000",
            "tfgan-suite generate saved_models/digits sevens.zip --count 1,000 --labels 7 --truncation 0.8",
            "tfgan-suite generate saved_models/digits data/generated --count 1,000,000 --runner DirectRunner "
            "--beam-option=--direct_num_workers=8 --beam-option=--direct_running_mode=multi_processing",
        ),
    )
    parser.add_argument("model", help="an exported model: saved_models/NAME or saved_models/NAME/VERSION")
    parser.add_argument("output", help="directory to write, or a name that ends with .zip")
    parser.add_argument("--count", type=arguments.positive_int, required=True, help="number of examples")
    parser.add_argument(
        "--labels", type=arguments.labels, default="all", metavar="CLASS,...", help="classes by number or name, in turn"
    )
    arguments.add_sampling(parser)
    parser.add_argument("--seed", type=arguments.natural_int, default=0, help="seed of the set")
    parser.add_argument(
        "--encoding", choices=("png", "jpeg", "webp", "raw"), help="how shards store images (default png)"
    )
    parser.add_argument("--num-shards", type=arguments.positive_int, metavar="N", help="number of shards")
    arguments.add_beam(parser)
    parser.add_argument("--force", action="store_true", help="replace what was generated with other settings")
    return parser


def run(args):
    from tfgan_suite.preprocessing.generate_dataset import generate_dataset

    generate_dataset(
        args.model,
        args.output,
        args.count,
        labels=args.labels,
        seed=args.seed,
        encoding=args.encoding,
        num_shards=args.num_shards,
        beam={"runner": args.runner, "pipeline_options": args.pipeline_options},
        force=args.force,
        **arguments.sampling_of(args),
    )
