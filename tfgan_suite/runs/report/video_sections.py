"""The section of the report that shows clips in motion, "" for models of anything else."""

import base64

import numpy as np

from tfgan_suite.data.loader import read_split
from tfgan_suite.drawing.image_grid import class_columns, has_classes, make_clip_grid
from tfgan_suite.runs.report.html_pieces import section
from tfgan_suite.runs.report.picture_sections import SEED, data_is_there, spread
from tfgan_suite.runs.sampling import sample_labels
from tfgan_suite.video.animation_files import encode_gif

_ROWS = 4
_MOMENTS = 4
# Real clips that are looked through for those of each class.
_MOST_READ = 2000


def clips(run, model, sampling):
    rate = model.spec.frames_per_second
    if rate is None:
        return ""
    columns = class_columns(model)
    count = _ROWS * columns
    generated = model.generate(count, sample_labels(model, count), seed=SEED, **sampling)
    figures = [_figure("Generated", encode_gif(make_clip_grid(np.asarray(generated), columns), rate))]
    if data_is_there(run):
        real = _real(run, columns, has_classes(model))
        figures.insert(0, _figure("Real, from the training data", encode_gif(make_clip_grid(real, columns), rate)))
    moments = spread(sorted((run.directory / "videos").glob("[0-9]*.gif")), _MOMENTS)
    learned = "".join(_figure(f"After {int(path.stem):,} clips", path.read_bytes()) for path in moments)
    return section(
        "In motion",
        f'<p class="soft">Not selected: the first of seed {SEED}, {rate:g} frames per second.</p>'
        f'<div class="pair">{"".join(figures)}</div>'
        + (f"<h3>How they learned to move</h3>{learned}" if len(moments) > 1 else ""),
    )


def _figure(caption, content):
    encoded = base64.b64encode(content).decode()
    return (
        f'<figure><img class="wide" src="data:image/gif;base64,{encoded}" alt="{caption}, in motion">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _real(run, columns, by_class):
    """Real clips for a grid, one class a column, black where there are not enough of a class."""
    spec = run.dataset_info.spec
    grid = np.zeros([_ROWS, columns, *spec.shape], np.uint8)
    filled, seen = np.zeros(columns, int), 0
    for examples, labels, _ in read_split(run.config.data_dir):
        for number, example in enumerate(examples, seen):
            column = int(labels[number - seen]) if by_class else number % columns
            if column < columns and filled[column] < _ROWS:
                grid[filled[column], column] = example
                filled[column] += 1
        seen += len(examples)
        if filled.min() == _ROWS or seen >= _MOST_READ:
            break
    return grid.reshape([-1, *spec.shape])
