"""Puts the report together."""

import html
import string
from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import read_json
from tfgan_suite.generative.abilities import HasLatents
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.runs.report import text_sections
from tfgan_suite.runs.report.origin_sections import data_card, making, next_steps
from tfgan_suite.runs.report.picture_sections import (
    completions,
    film,
    interpolations,
    real_and_generated,
    reconstructions,
    samples,
)
from tfgan_suite.runs.report.result_sections import curves, header, score_table, served, title
from tfgan_suite.runs.report.sound_sections import sounds
from tfgan_suite.runs.report.video_sections import clips
from tfgan_suite.runs.run_files import RunFiles, load_model

TEMPLATE = Path(__file__).with_name("template.html")
DEMO_FILE = "demo.json"


def write_report(run_dir, path=None, **sampling):
    """Writes one self-contained HTML file about a run.

    Sections that need something the model cannot do are left out, and the file says so.

    Args:
        run_dir: String. A directory that `train` wrote; the run may be unfinished.
        path: String. Path of the file; by default `report.html` in `run_dir`.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        The path.

    Raises:
        UserError: There is no run, it has no state to show yet, or the model has no such sampling option.

    Example:

    >>> write_report("runs/digits")
    PosixPath('runs/digits/report.html')
    """
    run = RunFiles.load(run_dir)
    path = local_path(path) if path is not None else run.directory / "report.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"`path` must be an output file NAME.html. Received: path={str(path)!r}")
    model = load_model(run.directory)
    history = read_history(run.directory / "history.jsonl")
    demo_path = run.directory / DEMO_FILE
    demo = read_json(demo_path, "the state of a demo") if demo_path.is_file() else {}
    sampling = resolve_sampling(model, sampling)
    drawn = model.spec.is_drawn
    pictures = []
    if model.spec.is_written:
        pictures = [text_sections.samples(model, sampling), text_sections.film(run, model)]
        pictures.append(text_sections.continuations(run, model, sampling))
    if drawn:
        pictures = [samples(model, sampling), film(run, model), interpolations(model, sampling)]
        pictures += [reconstructions(run, model), completions(run, model), real_and_generated(run, model, sampling)]
    sections = [
        header(run, model, history, demo, _left_out(model, drawn)),
        sounds(run, model, sampling),
        clips(run, model, sampling),
        *pictures,
        curves(history, model),
        score_table(run.scores),
        served(demo.get("serving")),
        data_card(run.dataset_info, model.spec),
        next_steps(run, model, demo),
        making(run, demo),
    ]
    text = string.Template(TEMPLATE.read_text("utf-8")).substitute(
        title=html.escape(title(run, model)), body="\n".join(section for section in sections if section)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return path


def _left_out(model, drawn):
    """A sentence about the sections that this model cannot have, or ""."""
    name = type(model).__name__
    if not drawn and not model.spec.is_written:
        return f"Left out: all pictures, since {model.spec.unit[1]} have no `draw`."
    return "" if model.can(HasLatents) else f"Left out: interpolations, since {name} has no latents."
