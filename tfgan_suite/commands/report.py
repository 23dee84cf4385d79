"""`tfgan-suite report`: a run as one HTML file."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "report",
        help="show a run as one HTML file",
        description="Writes one self-contained HTML file: samples, how they developed, curves, scores, data. What a model cannot show "
        "is left out, and the file says so.",
        epilog=arguments.examples(
            "tfgan-suite report runs/digits",
            "tfgan-suite report runs/digits --output digits.html",
        ),
    )
    parser.add_argument("run_dir", metavar="run", help="a run's directory")
    arguments.add_sampling(parser)
    parser.add_argument("--output", metavar="FILE", help="default: report.html in the run's directory")
    return parser


def run(args):
    from tfgan_suite.runs.report import write_report

    say(write_report(args.run_dir, args.output, **arguments.sampling_of(args)))
