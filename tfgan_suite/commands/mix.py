"""`tfgan-suite mix`: a table of images that take some styles from the left and the rest from the top."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "mix",
        help="mix the styles of images (StyleGAN2)",
        description="Writes a table: images on the left, images on top, and where they cross the left image with some styles "
        "of the top one. The first image on the left is the first one of `tfgan-suite sample` with the same seed.",
        epilog=arguments.examples(
            "tfgan-suite mix runs/avatars",
            "tfgan-suite mix runs/avatars --layers middle --rows 4 --columns 8 --seed 3 --output mixed.png",
            "tfgan-suite mix runs/avatars --layers 0-1,6 --truncation 0.7",
        ),
    )
    parser.add_argument("model", help="a run or a .keras file of a StyleGAN2")
    parser.add_argument("--output", default="mix.png", metavar="FILE", help="the table (default: mix.png)")
    parser.add_argument("--rows", type=arguments.positive_int, default=4, help="images on the left (default: 4)")
    parser.add_argument("--columns", type=arguments.positive_int, default=6, help="images on top (default: 6)")
    parser.add_argument(
        "--layers",
        type=arguments.layers,
        default="coarse",
        help="styles taken from the top: `coarse` (default), `middle`, `fine`, or numbers such as 0-3,6",
    )
    parser.add_argument(
        "--labels", type=arguments.labels, metavar="CLASS,...", help="classes by number or name, repeated as needed"
    )
    arguments.add_sampling(parser)
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    return parser


def run(args):
    from tfgan_suite.generative.abilities import HasStyles, require
    from tfgan_suite.generative.sampling_options import resolve_sampling
    from tfgan_suite.latent_tools import pictures
    from tfgan_suite.runs import run_files

    model = run_files.load_model(args.model)
    require(model, HasStyles, "Mixing styles")
    say(
        pictures.write_style_mix(
            model,
            args.output,
            rows=args.rows,
            columns=args.columns,
            layers=args.layers,
            labels=args.labels,
            seed=args.seed,
            **resolve_sampling(model, arguments.sampling_of(args)),
        )
    )
