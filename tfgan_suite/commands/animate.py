"""`tfgan-suite animate`: a seamless loop, as GIF or MP4."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "animate",
        help="make an animation of a model",
        description="Each image of a grid moves through random points and back to the first: an endless loop. A StyleGAN2 moves "
        "in W, any other model among its latents. MP4 needs the extra [video].",
        epilog=arguments.examples(
            "tfgan-suite animate runs/avatars",
            "tfgan-suite animate runs/avatars --rows 2 --columns 4 --seconds 12 --output loop.mp4",
            "tfgan-suite animate saved_models/digits --labels 3,8 --columns 2 --scale 4",
            "tfgan-suite animate runs/digits --through-classes --labels 3,8,5 --scale 4",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument("--output", default="loop.gif", metavar="FILE", help=".gif or .mp4 (default: loop.gif)")
    parser.add_argument("--rows", type=arguments.positive_int, default=2, help="rows of the grid (default: 2)")
    parser.add_argument("--columns", type=arguments.positive_int, default=4, help="columns of the grid (default: 4)")
    parser.add_argument("--seconds", type=arguments.positive_int, default=6, help="duration (default: 6)")
    parser.add_argument("--points", type=arguments.positive_int, default=6, help="points to pass (default: 6)")
    parser.add_argument("--frames-per-second", type=arguments.positive_int, default=25, help="default: 25, at most 50")
    parser.add_argument(
        "--labels", type=arguments.labels, metavar="CLASS,...", help="classes by number or name, repeated as needed"
    )
    parser.add_argument(
        "--through-classes", action="store_true", help="each image passes through all of --labels with the same latent"
    )
    parser.add_argument(
        "--move-latents", action="store_true", help="with --through-classes: a new latent at each class"
    )
    arguments.add_sampling(parser)
    parser.add_argument("--scale", type=arguments.positive_int, default=1, help="enlarge each pixel")
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    return parser


def run(args):
    from tfgan_suite import latent_tools
    from tfgan_suite.latent_tools import pictures
    from tfgan_suite.runs import run_files

    options = {
        "rows": args.rows,
        "columns": args.columns,
        "seconds": args.seconds,
        "frames_per_second": args.frames_per_second,
        "labels": args.labels,
        "scale": args.scale,
        "seed": args.seed,
        **arguments.sampling_of(args),
    }
    model = run_files.load_model(args.model)
    if args.through_classes:
        path = latent_tools.write_class_loop(model, args.output, move_latents=args.move_latents, **options)
    else:
        path = pictures.write_loop(model, args.output, points=args.points, **options)
    say(path)
