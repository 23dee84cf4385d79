"""`tfgan-suite project`: the styles from which a StyleGAN2 makes a given image."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "project",
        help="find a given image in a model (StyleGAN2)",
        description="Searches for the styles of an image, which is cropped to the model's shape and resized. Writes the image and "
        "what was found side by side, and the styles as .npz. Needs the extra [lpips].",
        epilog=arguments.examples(
            "tfgan-suite project runs/avatars portrait.png",
            "tfgan-suite project runs/avatars portrait.png --space w+ --steps 500 --output found.png",
        ),
    )
    parser.add_argument("model", help="a run or a .keras file of a StyleGAN2")
    parser.add_argument("image", help="an image file")
    parser.add_argument("--output", default="projection.png", metavar="FILE", help="default: projection.png")
    parser.add_argument(
        "--space", choices=["w", "w+"], default="w", help="`w` (default): one style; `w+`: one for each layer, nearer"
    )
    parser.add_argument("--steps", type=arguments.positive_int, default=1000, help="default: 1000")
    parser.add_argument(
        "--pixel-weight", type=arguments.natural_float, default=0.0, help="weight of the pixels' squared difference"
    )
    parser.add_argument(
        "--noise-weight",
        type=arguments.natural_float,
        metavar="WEIGHT",
        help="search for the noise maps too, and keep them noise with this weight (the paper's: 1e5)",
    )
    parser.add_argument("--label", metavar="CLASS", help="number or name of a class, for a conditional model")
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    return parser


def run(args):
    from tfgan_suite.generative.abilities import HasStyles, require
    from tfgan_suite.latent_tools import pictures
    from tfgan_suite.runs import run_files

    model = run_files.load_model(args.model)
    require(model, HasStyles, "A projection")
    path, styles_path, projection = pictures.write_projection(
        model,
        args.image,
        args.output,
        in_space=args.space,
        steps=args.steps,
        pixel_weight=args.pixel_weight,
        noise_weight=args.noise_weight,
        label=args.label,
        seed=args.seed,
    )
    say(f"{path} and {styles_path}: perceptual distance {projection.distance:.4f}")
