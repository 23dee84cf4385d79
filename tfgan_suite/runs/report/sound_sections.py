"""The section of the report that plays sounds, "" for models of anything else."""

import base64
import html

import numpy as np

from tfgan_suite.data.recorded_sounds import read_flacs
from tfgan_suite.drawing.image_grid import class_columns, has_classes
from tfgan_suite.runs.report.html_pieces import section
from tfgan_suite.runs.report.picture_sections import SEED, data_is_there, spread
from tfgan_suite.runs.sampling import sample_labels

_MOMENTS = 5
# Real clips that are looked through for one of each class.
_MOST_READ = 2000


def sounds(run, model, sampling):
    if model.spec.sample_rate_hz is None:
        return ""
    columns = class_columns(model)
    names = model.class_names if has_classes(model) and model.class_names else [str(n + 1) for n in range(columns)]
    captions = names[:columns]
    examples = model.generate(columns, sample_labels(model, columns), seed=SEED, **sampling)
    made = [("wav", model.spec.to_file(np.asarray(example))) for example in examples]
    rows = [_row("Generated", captions, made)]
    if data_is_there(run):
        rows.append(_row("Real", captions, _real(run, columns, has_classes(model))))
    moments = [
        (f"{int(path.stem):,}", ("wav", path.read_bytes()))
        for path in spread(sorted((run.directory / "sounds").glob("[0-9]*.wav")), _MOMENTS)
    ]
    if len(moments) > 1:
        rows.append(_row(f"After so many {model.spec.unit[1]}", *zip(*moments)))
    return section(
        "To listen to",
        f'<p class="soft">Not selected: the first of seed {SEED}. Real ones as they were recorded. Last, one of each throughout '
        f"training, one behind the other.</p>{''.join(rows)}",
    )


def _row(title, captions, files):
    figures = "".join(
        f"<figure>{_player(*file)}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, file in zip(captions, files)
        if file is not None
    )
    return f'<h3>{title}</h3><div class="sounds">{figures}</div>' if figures else ""


def _player(suffix, content):
    encoded = base64.b64encode(content).decode()
    return f'<audio controls preload="none" src="data:audio/{suffix};base64,{encoded}"></audio>'


def _real(run, columns, by_class):
    """A real clip for each column, `None` where there is none."""
    found = [None] * columns
    for number, (flac, label) in enumerate(read_flacs(run.config.data_dir)):
        column = label if by_class else number
        if column < columns and found[column] is None:
            found[column] = ("flac", flac)
        if None not in found or number == _MOST_READ:
            break
    return found
