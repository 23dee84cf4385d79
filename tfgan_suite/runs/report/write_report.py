"""Puts the report together."""

import html
import json
import string
from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.runs.report.origin_sections import data_card, making, ways_to_go_on
from tfgan_suite.runs.report.picture_sections import film, paths_between, real_and_generated, samples
from tfgan_suite.runs.report.result_sections import curves, header, score_table, served, title
from tfgan_suite.runs.run_files import RunFiles, load_model

TEMPLATE = Path(__file__).with_name("template.html")
DEMO_FILE = "demo.json"


def write_report(run_dir, path=None):
    """Writes one self-contained HTML file about a run.

    Args:
        run_dir: What `train` wrote; it may be unfinished.
        path: Of the file; by default `report.html` in `run_dir`.

    Returns:
        The path.

    Raises:
        UserError: There is no run, or it has no state to show yet.

    Example:

    >>> write_report("runs/digits")
    PosixPath('runs/digits/report.html')
    """
    run = RunFiles.load(run_dir)
    path = Path(path) if path is not None else run.directory / "report.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"Expected an output file NAME.html. Received: {str(path)!r}")
    model = load_model(run.directory)
    history = read_history(run.directory / "history.jsonl")
    demo_path = run.directory / DEMO_FILE
    demo = json.loads(demo_path.read_text("utf-8")) if demo_path.is_file() else {}
    sections = [
        header(run, model, history, demo),
        samples(model),
        film(run, model),
        paths_between(model),
        real_and_generated(run, model),
        curves(history),
        score_table(run.scores),
        served(demo.get("serving")),
        data_card(run.dataset_info),
        ways_to_go_on(run, demo),
        making(run, demo),
    ]
    text = string.Template(TEMPLATE.read_text("utf-8")).substitute(
        title=html.escape(title(run, model)), body="\n".join(section for section in sections if section)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return path
