"""`tfgan-suite project`: the styles or latents from which a model makes a given image."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "project",
        help="find a given image in a model",
        description="Searches for the styles of an image in a StyleGAN2, which needs the extra [lpips]; a model that encodes, such "
        "as Glow or a VAE, gives its latents at once. The image is cropped to the model's shape and resized. Writes it and what was "
        "found side by side, and the styles or latents as .npz.",
        epilog=arguments.examples(
            "tfgan-suite project runs/avatars portrait.png",
            "tfgan-suite project runs/avatars portrait.png --space w+ --steps 500 --output found.png",
            "tfgan-suite project runs/glow digit.png",
        ),
    )
    parser.add_argument("model", help="a run or a .keras file; of a model that encodes, also an exported one")
    parser.add_argument("image", help="an image file")
    parser.add_argument("--output", default="projection.png", metavar="FILE", help="default: projection.png")
    parser.add_argument(
        "--space", choices=["w", "w+"], help="`w` (default): one style; `w+`: one for each layer, nearer (StyleGAN2)"
    )
    parser.add_argument("--steps", type=arguments.positive_int, help="of the search (default: 1000)")
    parser.add_argument(
        "--pixel-weight", type=arguments.natural_float, help="weight of the pixels' squared difference (default: 0)"
    )
    parser.add_argument(
        "--noise-weight",
        type=arguments.natural_float,
        metavar="WEIGHT",
        help="search for the noise maps too, and keep them noise with this weight (the paper's: 1e5)",
    )
    parser.add_argument("--label", metavar="CLASS", help="number or name of a class, for a conditional model")
    parser.add_argument("--seed", type=arguments.whole_int, help="of the search (default: 0)")
    return parser


def run(args):
    from tfgan_suite.generative.abilities import Encodes, HasStyles, require
    from tfgan_suite.latent_tools import pictures
    from tfgan_suite.runs import run_files

    model = run_files.load_model(args.model)
    search = {
        "in_space": args.space,
        "steps": args.steps,
        "pixel_weight": args.pixel_weight,
        "noise_weight": args.noise_weight,
        "seed": args.seed,
    }
    search = {name: value for name, value in search.items() if value is not None}
    if model.can(Encodes) and not model.can(HasStyles):
        if search:
            given = ", ".join("--" + name.removeprefix("in_").replace("_", "-") for name in search)
            raise UserError(f"{type(model).__name__} encodes the image, without a search. Leave out: {given}")
        path, latents_path, encoded = pictures.write_encoding(model, args.image, args.output, label=args.label)
        say(f"{path} and {latents_path}: mean squared error {encoded.squared_error:.4f}")
        return
    require(model, HasStyles, "A projection")
    path, styles_path, projection = pictures.write_projection(
        model, args.image, args.output, label=args.label, **search
    )
    say(f"{path} and {styles_path}: perceptual distance {projection.distance:.4f}")
