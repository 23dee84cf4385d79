"""`tfgan-suite directions`: what changes most in a model's images, found in closed form (SeFa)."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "directions",
        help="find what changes most in a model's images",
        description="Finds the directions that a model reacts to most (SeFa) and writes a picture: a row a direction, the unchanged "
        "image in the middle. In W for a StyleGAN2, among the latents for other models. With --from-labels: the directions towards "
        "the classes of a set, for models that encode.",
        epilog=arguments.examples(
            "tfgan-suite directions runs/avatars",
            "tfgan-suite directions runs/avatars --layers middle --count 8 --reach 5 --save middle.npz",
            "tfgan-suite directions runs/digits --labels 3 --reach 2",
            "tfgan-suite directions runs/glow --from-labels data/digits --images 2",
        ),
    )
    parser.add_argument("model", help="a run or a .keras file")
    parser.add_argument("--output", default="directions.png", metavar="FILE", help="default: directions.png")
    parser.add_argument("--count", type=arguments.positive_int, help="number of directions (default: 6)")
    parser.add_argument(
        "--from-labels",
        metavar="DATA",
        help="a set with classes: a direction for each of them, and its images are moved",
    )
    parser.add_argument(
        "--examples",
        type=arguments.positive_int,
        default=1000,
        help="with --from-labels: how many to encode (default: 1000)",
    )
    parser.add_argument(
        "--method",
        choices=["means", "boundary"],
        default="means",
        help="with --from-labels: `means` (default), to the mean of the class; `boundary`, across the plane that separates it",
    )
    parser.add_argument(
        "--layers",
        type=arguments.layers,
        help="styles to analyze and to move (StyleGAN2): `coarse`, `middle`, `fine`, or numbers such as 0-3,6; default: all",
    )
    parser.add_argument(
        "--reach", type=arguments.positive_float, help="how far to move (default: 3 times the spread along a direction)"
    )
    parser.add_argument("--steps", type=arguments.positive_int, default=7, help="images in a row (default: 7)")
    parser.add_argument("--images", type=arguments.positive_int, default=1, help="images to move (default: 1)")
    parser.add_argument(
        "--labels", type=arguments.labels, metavar="CLASS,...", help="classes by number or name, repeated as needed"
    )
    parser.add_argument("--truncation", type=arguments.fraction, default=1.0, help="in [0, 1]; StyleGAN2 only")
    parser.add_argument("--save", metavar="FILE", help="also write the directions, an .npz file")
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    return parser


def run(args):
    from tfgan_suite.generative.abilities import HasLatents, require
    from tfgan_suite.latent_tools import pictures
    from tfgan_suite.runs import run_files

    model = run_files.load_model(args.model)
    require(model, HasLatents, "Directions")
    shared = {"reach": args.reach, "steps": args.steps, "images": args.images, "save_path": args.save}
    if args.from_labels is not None:
        given = [name for name in ("count", "layers", "labels") if getattr(args, name) is not None]
        if given:
            raise UserError(
                f"With --from-labels there is a direction for each class of the data. Leave out: --{', --'.join(given)}"
            )
        paths = pictures.write_label_directions(
            model, args.output, args.from_labels, examples=args.examples, method=args.method, **shared
        )
        say(" and ".join(str(path) for path in paths))
        return
    paths = pictures.write_directions(
        model,
        args.output,
        count=args.count or 6,
        layers=args.layers,
        labels=args.labels,
        truncation=args.truncation,
        seed=args.seed,
        **shared,
    )
    say(" and ".join(str(path) for path in paths))
