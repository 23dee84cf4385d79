"""`tfgan-suite prepare`: a source of images becomes a prepared data set."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "prepare",
        help="make a data set of a folder, a zip, arrays, a TFDS name or a demo set",
        description="Decodes, crops, resizes and deduplicates images, and writes shards with a description. "
        "The same command again does nothing; after a kill it goes on.",
        epilog=arguments.examples(
            "tfgan-suite prepare digits data/digits",
            "tfgan-suite prepare avatars data/avatars --limit 2000 --pyramid",
            "tfgan-suite prepare stacked-digits data/stacked",
            "tfgan-suite prepare textures:brick,grass,gravel data/textures --image-size 64 --pyramid",
            "tfgan-suite prepare photos data/photos --image-size 64 --split train=0.9 --split test=0.1",
            "tfgan-suite prepare faces.zip data/faces --image-size 64 --encoding webp --max-refused-fraction 0.2",
            "tfgan-suite prepare photos data/photos --image-size 64 --runner FlinkRunner --beam-option=--parallelism=8",
        ),
    )
    parser.add_argument(
        "source", help="a directory, .zip or .npz of images, tfds:NAME, digits, stacked-digits, avatars or textures"
    )
    parser.add_argument("output_dir", help="directory to write")
    parser.add_argument("--image-size", type=arguments.size, metavar="PIXELS", help="64, or 64x48 for height x width")
    parser.add_argument("--channels", type=int, choices=(1, 3, 4), help="1 grey, 3 RGB, 4 RGBA")
    parser.add_argument("--crop", choices=("center", "pad", "border", "none"), help="how a picture is made square")
    parser.add_argument(
        "--resize-filter", choices=("lanczos", "bicubic", "bilinear", "hamming", "box"), default="lanczos"
    )
    parser.add_argument("--background", metavar="COLOUR", help="behind transparency and padding")
    parser.add_argument("--encoding", choices=("png", "jpeg", "webp", "raw"), default="png", help="of images in shards")
    parser.add_argument("--jpeg-quality", type=arguments.positive_int, default=95, metavar="1-100")
    parser.add_argument("--split", dest="splits", type=arguments.share, action="append", metavar="NAME=FRACTION")
    parser.add_argument("--num-shards", type=arguments.positive_int, metavar="N")
    parser.add_argument(
        "--max-refused-fraction", type=arguments.fraction, default=0.05, metavar="FRACTION",
        help="more unusable files than this share stop the run (default 0.05)",
    )  # fmt: skip
    parser.add_argument("--max-source-pixels", type=arguments.positive_int, metavar="N", help="refuse larger pictures")
    parser.add_argument(
        "--decoding", choices=("exact", "scaled"), default="exact",
        help="scaled: JPEG files at a fraction of their size where that suffices; faster, and not quite the same pixels",
    )  # fmt: skip
    parser.add_argument("--no-deduplicate", dest="deduplicate", action="store_false", help="keep exact copies")
    parser.add_argument("--no-labels", dest="labels", action="store_false", help="ignore the source's labels")
    parser.add_argument("--seed", type=arguments.natural_int, default=0, help="of splits and order")
    parser.add_argument("--limit", type=arguments.positive_int, metavar="N", help="take this many images")
    parser.add_argument("--name", help="short name of the set")
    parser.add_argument(
        "--pyramid", action="store_true", help="also write the images at smaller sizes, for models that grow (ProGAN)"
    )
    arguments.add_beam(parser)
    parser.add_argument("--force", action="store_true", help="replace a set that was prepared otherwise")
    return parser


def run(args):
    from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

    options = {name: value for name, value in vars(args).items() if name not in ("command", "run")}
    options["splits"] = dict(args.splits) if args.splits else None
    if args.max_source_pixels is None:
        del options["max_source_pixels"]
    prepare_dataset(options.pop("source"), options.pop("output_dir"), **options)
