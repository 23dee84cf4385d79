"""`tfgan-suite judge`: people say which images are real, or better."""

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import say


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "judge",
        help="let people judge images on a local web page",
        description="Samples images, and serves a page to this machine on which people judge them with the keyboard. Answers are "
        "saved immediately; run the same command again to resume. Images come from a run, a .keras file, an exported model, a "
        "prepared data set, or a folder, zip or npz of images.",
        epilog=arguments.examples(
            "tfgan-suite judge studies/digits --real data/digits --fake runs/digits",
            "tfgan-suite judge studies/quick --real data/digits --fake runs/digits --display-milliseconds 500",
            "tfgan-suite judge studies/pairs --question which-is-real --real data/digits --fake runs/digits --fake runs/other",
            "tfgan-suite judge studies/models --question which-is-better --fake runs/digits --fake runs/other",
            "tfgan-suite judge studies/digits",
            "tfgan-suite judge studies/digits --report",
        ),
    )
    parser.add_argument("study", help="the study's directory, created by the first call")
    # None: not given. A study that is there knows its settings.
    parser.add_argument(
        "--question", choices=("real-or-fake", "which-is-real", "which-is-better"), help="default: real-or-fake"
    )
    parser.add_argument("--real", metavar="PATH", help="real images")
    parser.add_argument(
        "--fake", dest="fakes", action="append", metavar="PATH", help="generated images; may be given several times"
    )
    parser.add_argument(
        "--items",
        dest="num_items",
        type=arguments.positive_int,
        metavar="N",
        help="items that each rater judges (default: 100)",
    )
    parser.add_argument(
        "--repeats",
        dest="num_repeats",
        type=arguments.natural_int,
        metavar="N",
        help="items shown twice (default: a tenth)",
    )
    parser.add_argument(
        "--checks",
        dest="num_checks",
        type=arguments.natural_int,
        metavar="N",
        help="images of plain noise (default: a twentieth)",
    )
    parser.add_argument(
        "--display-milliseconds", type=arguments.positive_int, metavar="N", help="time to look (default: no limit)"
    )
    parser.add_argument(
        "--image-size", type=arguments.positive_int, metavar="PIXELS", help="crop and scale all images to this size"
    )
    parser.add_argument("--split", help="split of a prepared data set (default: train)")
    parser.add_argument("--truncation", type=arguments.fraction, help="truncation of models (default: 1)")
    parser.add_argument("--seed", type=arguments.natural_int, help="seed of images and orders (default: 0)")
    parser.add_argument("--port", type=arguments.natural_int, default=8600, help="0: any free port (default: 8600)")
    parser.add_argument("--report", action="store_true", help="write report.md and report.json, print, and stop")
    return parser


def run(args):
    from tfgan_suite.judging import judge_server, judgement_report
    from tfgan_suite.judging import study as studies

    given = {name: getattr(args, name) for name in studies.DEFAULTS if getattr(args, name) is not None}
    try:
        study = studies.Study(args.study)
    except UserError:
        if "fakes" not in given or args.report:
            raise
        study = studies.make_study(args.study, **given)
    for name, value in given.items():
        if study.settings[name] != value:
            raise UserError(
                f"`{name}` must be {study.settings[name]!r}, as the study {args.study} was created with. Received: "
                f"{name}={value!r}. Leave the settings out to resume, or use another directory."
            )
    if not args.report:
        judge_server.judge(study, args.port)
        return
    paths = judgement_report.write_report(study)
    say(paths[1].read_text("utf-8"))
    say(f"Written to {paths[0]} and {paths[1]}.")
