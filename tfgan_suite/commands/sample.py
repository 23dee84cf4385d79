"""`tfgan-suite sample`: samples of a model, drawn as a picture."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "sample",
        help="draw samples of a model",
        description="Writes a grid of generated examples. The same seed gives the same examples, in Python and from a "
        "server too.",
        epilog=arguments.examples(
            "tfgan-suite sample saved_models/digits",
            "tfgan-suite sample runs/digits --count 20 --labels 7 --seed 3 --output sevens.png",
            "tfgan-suite sample runs/digits --labels 2,0,2,6 --columns 4",
            "tfgan-suite sample runs/digits --per-class 8",
            "tfgan-suite sample runs/digits/model.keras --interpolate 9 --output between.png",
            "tfgan-suite sample runs/avatars --interpolate 9 --in-w",
            "tfgan-suite sample runs/digits --through-classes 5 --labels 1,7,4",
            "tfgan-suite sample runs/avatars --truncation-sweep 7 --count 4",
            "tfgan-suite sample runs/digits --count 1,000 --separate pictures",
            "tfgan-suite sample runs/spoken_digits --labels two,zero --output two_zero.wav",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument(
        "--output", default="samples.png", metavar="FILE", help="the grid (default: samples.png); of sound also a .wav"
    )
    parser.add_argument(
        "--count", type=arguments.positive_int, help="number of examples; by default a grid of eight rows"
    )
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    parser.add_argument(
        "--labels",
        type=arguments.labels,
        metavar="CLASS,...",
        help="classes by number or name, repeated as needed; `all` (default): one a column",
    )
    arguments.add_sampling(parser)
    parser.add_argument("--columns", type=arguments.positive_int)
    parser.add_argument("--scale", type=arguments.positive_int, default=1, help="enlarge each pixel of the grid")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--per-class", type=arguments.positive_int, metavar="COUNT", help="a row for each class, with its name"
    )
    kinds.add_argument(
        "--interpolate", type=arguments.positive_int, metavar="STEPS", help="rows lead from one image to another"
    )
    kinds.add_argument(
        "--through-classes",
        type=arguments.positive_int,
        metavar="STEPS",
        help="rows lead through the classes of --labels, each with one latent",
    )
    parser.add_argument(
        "--move-latents", action="store_true", help="with --through-classes: a new latent at each class"
    )
    parser.add_argument("--in-w", action="store_true", help="with --interpolate: straight in W (StyleGAN2)")
    kinds.add_argument(
        "--truncation-sweep",
        type=arguments.positive_int,
        metavar="STEPS",
        help="rows lead from truncation 0, the average image, to 1",
    )
    parser.add_argument(
        "--class-truncation",
        action="store_true",
        help="truncate towards the mean of each class, not of all (StyleGAN2 with classes)",
    )
    parser.add_argument("--separate", metavar="DIR", help="also write each example to its own file")
    return parser


def run(args):
    from tfgan_suite.runs import run_files, sampling

    model = run_files.load_model(args.model)
    paths = sampling.write_samples(
        model,
        args.output,
        count=args.count,
        seed=args.seed,
        labels=args.labels,
        columns=args.columns,
        scale=args.scale,
        interpolate=args.interpolate,
        interpolate_in_w=args.in_w,
        through_classes=args.through_classes,
        move_latents=args.move_latents,
        per_class=args.per_class,
        class_names=run_files.class_names(args.model, model),
        sweep=args.truncation_sweep,
        class_truncation=args.class_truncation,
        separate_dir=args.separate,
        **arguments.sampling_of(args),
    )
    say(f"{paths[0]}" + (f" and {len(paths) - 1:,} files in {args.separate}" if args.separate else ""))
