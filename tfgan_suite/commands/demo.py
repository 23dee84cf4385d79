"""`tfgan-suite demo`: every step once, on real images."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "demo",
        help="prepare, train, score, export, serve and report, in minutes",
        description="Runs every step once and writes a report. Run it again after an interruption, and it resumes where it stopped.",
        epilog=arguments.examples(
            "tfgan-suite demo",
            "tfgan-suite demo --fast",
            "tfgan-suite demo --data avatars",
            "tfgan-suite demo --data spoken_digits",
        ),
    )
    parser.add_argument(
        "--data", choices=("digits", "avatars", "spoken_digits"), default="digits",
        help="32x32 gray, 64x64 color, or half a second of sound",
    )  # fmt: skip
    parser.add_argument("--fast", action="store_true", help="shorter training and fewer images for the scores")
    parser.add_argument("--output", default="runs/demo", metavar="DIR", help="default: runs/demo")
    return parser


def run(args):
    from tfgan_suite.commands.demo_stages import run_demo

    run_demo(args.data, fast=args.fast, output_dir=args.output)
