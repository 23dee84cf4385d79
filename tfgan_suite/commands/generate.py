"""`tfgan-suite generate`: many images of an exported model, as a data set or a zip."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "generate",
        help="write a data set, or a zip of PNGs, of an exported model's images",
        description="Generates any number of images on any number of workers (Beam). Each image has its own seed: the same "
        "command gives the same images on any runner. After a kill it goes on.",
        epilog=arguments.examples(
            "tfgan-suite generate saved_models/digits data/generated --count 50,000",
            "tfgan-suite generate saved_models/digits sevens.zip --count 1,000 --labels 7 --truncation 0.8",
            "tfgan-suite generate saved_models/digits data/generated --count 1,000,000 --runner DirectRunner "
            "--beam-option=--direct_num_workers=8 --beam-option=--direct_running_mode=multi_processing",
        ),
    )
    parser.add_argument("model", help="an exported model: saved_models/NAME or saved_models/NAME/VERSION")
    parser.add_argument("output", help="directory to write, or a name that ends with .zip")
    parser.add_argument("--count", type=arguments.positive_int, required=True, help="images")
    parser.add_argument("--labels", type=arguments.labels, default="all", metavar="N,N,...", help="classes, in turn")
    parser.add_argument("--truncation", type=arguments.fraction, default=1.0, help="less: less variety")
    parser.add_argument("--seed", type=arguments.natural_int, default=0)
    parser.add_argument("--encoding", choices=("png", "jpeg", "webp", "raw"), default="png", help="of images in shards")
    parser.add_argument("--num-shards", type=arguments.positive_int, metavar="N")
    arguments.add_beam(parser)
    parser.add_argument("--force", action="store_true", help="replace what was generated otherwise")
    return parser


def run(args):
    from tfgan_suite.preprocessing.generate_dataset import generate_dataset

    options = {name: value for name, value in vars(args).items() if name not in ("command", "run")}
    generate_dataset(options.pop("model"), options.pop("output"), options.pop("count"), **options)
