"""`tfgan-suite prepare`: a source of examples becomes a prepared data set."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "prepare",
        help="make a data set from a folder, a zip, arrays, a TFDS name or a demo set",
        description="Decodes, crops, resizes and deduplicates images, and writes shards with a description. "
        "The same command again does nothing, and resumes an interrupted one. At its end, it says which classes it found "
        "and where.",
        epilog=arguments.examples(
            "tfgan-suite prepare digits data/digits",
            "tfgan-suite prepare avatars data/avatars --limit 2000 --pyramid",
            "tfgan-suite prepare stacked-digits data/stacked",
            "tfgan-suite prepare digits data/binary --levels 2",
            "tfgan-suite prepare textures:brick,grass,gravel data/textures --image-size 64 --pyramid",
            "tfgan-suite prepare moby-dick data/moby --split train=0.9 --split test=0.1",
            "tfgan-suite prepare text:books data/books --format window_bytes=256 --split train=0.9 --split test=0.1",
            "tfgan-suite prepare photos data/photos --image-size 64 --split train=0.9 --split test=0.1",
            "tfgan-suite prepare faces.zip data/faces --image-size 64 --encoding webp --max-refused-fraction 0.2",
            "tfgan-suite prepare spoken_digits data/spoken_digits",
            "tfgan-suite prepare video:clips data/clips --image-size 64 --format frames_per_second=25",
            "tfgan-suite prepare audio:recordings data/recordings --format cut=windows --format sample_rate_hz=16000",
            "tfgan-suite prepare photos data/photos --image-size 64 --runner FlinkRunner --beam-option=--parallelism=8",
        ),
    )
    parser.add_argument(
        "source",
        help="a directory, .zip or .npz of images, tfds:NAME or tfds:NAME:SPLIT (NAME may have a version, or be a path), digits, "
        "stacked-digits, avatars, textures, audio:PATH for a directory or .zip of sounds, spoken_digits, text:PATH for a directory, "
        ".zip or file of text, moby-dick, or the name of a source that you registered",
    )
    parser.add_argument("output_dir", help="directory to write")
    parser.add_argument("--image-size", type=arguments.size, metavar="PIXELS", help="64, or 64x48 for height x width")
    parser.add_argument("--channels", type=int, choices=(1, 3, 4), help="1 gray, 3 RGB, 4 RGBA")
    parser.add_argument("--crop", choices=("center", "pad", "border", "none"), help="how an image is made square")
    parser.add_argument(
        "--resize-filter", choices=("lanczos", "bicubic", "bilinear", "hamming", "box"), help="default lanczos"
    )
    parser.add_argument("--background", metavar="COLOR", help="color behind transparency and padding")
    parser.add_argument(
        "--encoding", choices=("png", "jpeg", "webp", "raw"), help="how shards store images (default png)"
    )
    parser.add_argument("--jpeg-quality", type=arguments.positive_int, metavar="1-100", help="default 95")
    parser.add_argument(
        "--levels", type=arguments.positive_int, metavar="2-256",
        help="whole levels of a value, for models with a likelihood: 2 makes binary images (default 256)",
    )  # fmt: skip
    parser.add_argument(
        "--format", type=arguments.assignment, action="append", default=[], metavar="NAME=VALUE",
        help="an argument of the format of examples that are no images, such as those of AudioFormat and TextFormat; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--split",
        dest="splits",
        type=arguments.share,
        action="append",
        metavar="NAME=FRACTION",
        help="a split and its share; may be given several times",
    )
    parser.add_argument("--num-shards", type=arguments.positive_int, metavar="N", help="number of shards")
    parser.add_argument(
        "--max-refused-fraction", type=arguments.fraction, default=0.05, metavar="FRACTION",
        help="more unusable images than this share stop the run; files of other kinds do not count (default 0.05)",
    )  # fmt: skip
    parser.add_argument("--max-source-pixels", type=arguments.positive_int, metavar="N", help="refuse larger images")
    parser.add_argument(
        "--decoding", choices=("exact", "scaled"),
        help="scaled: JPEG files at a fraction of their size where that suffices; faster, and not quite the same pixels",
    )  # fmt: skip
    parser.add_argument("--no-deduplicate", dest="deduplicate", action="store_false", help="keep exact copies")
    parser.add_argument(
        "--no-labels", dest="labels", action="store_false", help="ignore the source's labels and class folders"
    )
    parser.add_argument("--seed", type=arguments.natural_int, default=0, help="seed of splits and order")
    parser.add_argument("--limit", type=arguments.positive_int, metavar="N", help="take this many examples")
    parser.add_argument("--name", help="short name of the set")
    parser.add_argument(
        "--pyramid", action="store_true", help="also write the images at smaller sizes, for models that grow (ProGAN)"
    )
    arguments.add_beam(parser)
    parser.add_argument("--force", action="store_true", help="replace a set that was prepared with other settings")
    return parser


def run(args):
    from tfgan_suite.preprocessing.prepare_dataset import FORMAT_OPTIONS, prepare_dataset

    chosen = {name: getattr(args, name) for name in FORMAT_OPTIONS}
    prepare_dataset(
        args.source,
        args.output_dir,
        image_size=args.image_size,
        format={**{name: value for name, value in chosen.items() if value is not None}, **dict(args.format)},
        splits=dict(args.splits) if args.splits else None,
        labels=args.labels,
        limit=args.limit,
        seed=args.seed,
        name=args.name,
        num_shards=args.num_shards,
        deduplicate=args.deduplicate,
        max_refused_fraction=args.max_refused_fraction,
        pyramid=args.pyramid,
        beam={"runner": args.runner, "pipeline_options": args.pipeline_options},
        force=args.force,
    )
