"""`tfgan-suite compare`: scores of two runs side by side."""

from tfgan_suite.commands import arguments


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "compare",
        help="compare the scores of two runs",
        description="Compares scores of the same name. Scores that were not made in the same way are refused.",
        epilog=arguments.examples(
            "tfgan-suite compare runs/digits runs/other",
            "tfgan-suite compare runs/digits runs/other --allow truncation",
        ),
    )
    parser.add_argument("first", help="a run, or a metrics.json")
    parser.add_argument("second", help="another")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="NAME", help="an entry of the protocol that may differ"
    )
    return parser


def run(args):
    from tfgan_suite import runs

    print(runs.compare_scores(args.first, args.second, allow=args.allow))
