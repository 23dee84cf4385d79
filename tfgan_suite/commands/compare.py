"""`tfgan-suite compare`: scores of runs side by side."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "compare",
        help="compare the scores of runs",
        description="Compares scores of the same name, and refuses scores that were not computed in the same way. With --chart, "
        "draws a score that was computed during training instead.",
        epilog=arguments.examples(
            "tfgan-suite compare runs/digits runs/other",
            "tfgan-suite compare runs/digits runs/other --allow truncation",
            "tfgan-suite compare runs/plain runs/adaptive --chart scores.svg",
        ),
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="two or more runs, or metrics.json files")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="an entry of the protocol that may differ; may be given several times",
    )
    parser.add_argument("--chart", metavar="FILE", help="an .svg to write")
    parser.add_argument("--score", metavar="NAME", help="score to draw (default: the first Frechet distance in common)")
    return parser


def run(args):
    from tfgan_suite.foundation.errors import UserError
    from tfgan_suite.runs import run_files

    if args.chart:
        say(run_files.chart_scores(args.runs, args.chart, args.score))
        return
    if len(args.runs) < 2:
        raise UserError(f"Give two or more runs to compare. Received: {args.runs[0]}")
    say(run_files.compare_scores(args.runs, allow=args.allow))
