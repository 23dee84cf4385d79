"""`tfgan-suite texture`: a texture of any size."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "texture",
        help="make a texture of any size (TextureProGAN)",
        description="Write one texture as a PNG file. The same seed and size give the same texture, also in Python and "
        "from a server.",
        epilog=arguments.examples(
            "tfgan-suite texture runs/textures --size 256x512 --label 2",
            "tfgan-suite texture runs/textures --size 128 --seamless --output tile.png",
            "tfgan-suite texture saved_models/textures --size 128 --tile 2x2 --seed 3",
        ),
    )
    parser.add_argument("model", help="a run, a .keras file or an exported model that makes textures")
    parser.add_argument("--output", default="texture.png", metavar="FILE", help="file to write (default texture.png)")
    parser.add_argument(
        "--size",
        type=arguments.size,
        default=256,
        metavar="PIXELS",
        help="256, or 256x512 for height x width (default 256)",
    )
    parser.add_argument("--label", metavar="CLASS", help="number or name of a class (default: drawn from the seed)")
    parser.add_argument("--seed", type=arguments.whole_int, default=0)
    parser.add_argument(
        "--seamless", action="store_true", help="make copies fit side by side; the size must then be whole cells"
    )
    parser.add_argument(
        "--tile",
        type=arguments.size,
        metavar="N",
        help="lay copies of a seamless texture side by side: 2x3, or 2 for 2x2",
    )
    return parser


def run(args):
    import numpy as np

    from tfgan_suite.drawing.image_grid import save_png
    from tfgan_suite.foundation.errors import UserError
    from tfgan_suite.generative.abilities import MakesTextures, require
    from tfgan_suite.runs import run_files

    if not args.output.lower().endswith(".png"):
        raise UserError(f"`--output` must be a file NAME.png. Received: {args.output!r}")
    model = run_files.load_model(args.model)
    require(model, MakesTextures, "`tfgan-suite texture`")
    height, width = _pair(args.size)
    seamless = args.seamless or args.tile is not None
    (texture,) = model.generate_textures(height, width, labels=args.label, seamless=seamless, seed=args.seed)
    save_png(np.tile(texture, [*_pair(args.tile or 1), 1]), args.output)
    say(args.output)


def _pair(size):
    return (size, size) if isinstance(size, int) else size
