"""`tfgan-suite animate`: a loop without a seam, as GIF or MP4."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "animate",
        help="make a moving picture of a model",
        description="Each picture of a grid wanders through random points and comes back to its first: an endless loop. "
        "A StyleGAN2 wanders in W, any other model among its latents. MP4 needs the extra [video].",
        epilog=arguments.examples(
            "tfgan-suite animate runs/avatars",
            "tfgan-suite animate runs/avatars --rows 2 --columns 4 --seconds 12 --output loop.mp4",
            "tfgan-suite animate saved_models/digits --labels 3,8 --columns 2 --scale 4",
            "tfgan-suite animate runs/digits --through-classes --labels 3,8,5 --scale 4",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument("--output", default="loop.gif", metavar="FILE", help=".gif or .mp4 (default: loop.gif)")
    parser.add_argument("--rows", type=arguments.positive_int, default=2, help="of the grid (default: 2)")
    parser.add_argument("--columns", type=arguments.positive_int, default=4, help="of the grid (default: 4)")
    parser.add_argument("--seconds", type=arguments.positive_int, default=6, help="how long it lasts (default: 6)")
    parser.add_argument("--points", type=arguments.positive_int, default=6, help="points on the way (default: 6)")
    parser.add_argument("--frames-per-second", type=arguments.positive_int, default=25, help="default: 25, at most 50")
    parser.add_argument("--labels", type=arguments.labels, metavar="N,N,...", help="classes, taken in turn")
    parser.add_argument(
        "--through-classes", action="store_true", help="each picture passes through all of --labels, its latent stays"
    )
    parser.add_argument(
        "--move-latents", action="store_true", help="with --through-classes: a new latent at each class"
    )
    parser.add_argument("--truncation", type=arguments.fraction, default=1.0)
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
        "truncation": args.truncation,
        "scale": args.scale,
        "seed": args.seed,
    }
    model = run_files.load_model(args.model)
    if args.through_classes:
        path = latent_tools.write_class_loop(model, args.output, move_latents=args.move_latents, **options)
    else:
        path = pictures.write_loop(model, args.output, points=args.points, **options)
    print(path)
