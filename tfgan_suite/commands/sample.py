"""`tfgan-suite sample`: samples of a model, drawn as a picture or written as text."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
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
            "tfgan-suite sample runs/moving_digits --output clips.gif",
            'tfgan-suite sample runs/moby --prompt "Call me" --bytes 1000 --sampling temperature=0.8 --output call.txt',
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="the grid (default: samples.png), or the text (default: samples.txt); of sound also a .wav, of clips a .gif or .mp4",
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
    parser.add_argument("--prompt", metavar="TEXT", help="of text: what each text begins with")
    parser.add_argument(
        "--bytes", type=arguments.positive_int, metavar="N", help="of text: bytes after the prompt (default: a window)"
    )
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
    if model.spec.is_written:
        _write_texts(model, args)
        return
    if args.prompt is not None or args.bytes is not None:
        raise UserError(
            f"--prompt and --bytes are for text, and this model makes {model.spec.unit[1]}: leave them out."
        )
    paths = sampling.write_samples(
        model,
        args.output or "samples.png",
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


def _write_texts(model, args):
    from tfgan_suite.runs.text_files import write_texts

    of_pictures = ("columns", "interpolate", "through_classes", "per_class", "truncation_sweep", "class_truncation")
    for name in of_pictures:
        if getattr(args, name):
            raise UserError(f"--{name.replace('_', '-')} is for pictures, and this model writes text: leave it out.")
    paths = write_texts(
        model,
        args.output or "samples.txt",
        prompt=args.prompt,
        count=args.count,
        num_bytes=args.bytes,
        seed=args.seed,
        labels=args.labels,
        separate_dir=args.separate,
        **arguments.sampling_of(args),
    )
    say(f"{paths[0]}" + (f" and {len(paths) - 1:,} files in {args.separate}" if args.separate else ""))
