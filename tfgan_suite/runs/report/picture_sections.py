"""Sections of the report that show examples, each a piece of HTML, or "" where there is nothing to show."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.drawing.image_grid import class_columns, has_classes, make_grid
from tfgan_suite.drawing.line_chart import format_number
from tfgan_suite.generative.abilities import Completes, HasLatents, Reconstructs
from tfgan_suite.runs.report.html_pieces import data_url, image_tag, section
from tfgan_suite.runs.sampling import draw_all, interpolate_images, sample_labels

_FILM_ROWS = 10
_NUM_HELD_OUT = 12
_SLIDER_FRAMES = 24
SEED = 1


def samples(model, sampling):
    columns = class_columns(model)
    examples = model.generate(8 * columns, sample_labels(model, 8 * columns), seed=SEED, **sampling)
    columns_text = "One column a class. " if has_classes(model) else ""
    weights_text = ", from the averaged weights" if model.averages else ""
    return section(
        "Samples",
        f'<p class="soft">{columns_text}Not selected: the first {8 * columns} of seed {SEED}{weights_text}.</p>'
        + image_tag(make_grid(draw_all(model, examples), columns), "Grid of samples", "wide"),
    )


def film(run, model):
    """Samples of one seed throughout training: a slider over whole grids, and a strip of first rows."""
    frames = sorted((run.directory / "images").glob("[0-9]*.png"))
    if len(frames) < 2:
        return ""
    height, unit = draw_all(model, model.generate(1, seed=SEED)).shape[1], model.spec.unit[1]
    rows = 8 if height <= 32 else 3
    shown = [(f"{int(path.stem):,} {unit}", _read_rows(path, height, rows)) for path in spread(frames, _SLIDER_FRAMES)]
    slider_frames = json.dumps([(caption, data_url(image)) for caption, image in shown])
    caption, last = shown[-1]
    strip = "".join(
        f"<span>{format_number(int(path.stem))}</span>"
        + image_tag(_read_rows(path, height, 1), f"After {path.stem} {unit}")
        for path in spread(frames, _FILM_ROWS)
    )
    return section(
        "How it learned",
        '<p class="soft">Samples of one seed throughout training. Move the slider; below it is the first row at ten moments.</p>'
        '<div class="watch">'
        + image_tag(last, "Grid at the chosen moment", "wide")
        + f'<label><span class="soft">time</span><input type="range" min="0" max="{len(shown) - 1}" '
        f'value="{len(shown) - 1}"><output>{caption}</output></label><template>{slider_frames}</template></div>'
        f'<div class="film">{strip}</div><p class="note">Left: {unit} trained on.</p>',
    )


def interpolations(model, sampling):
    if not model.can(HasLatents):
        return ""
    rows = class_columns(model) if has_classes(model) else 6
    steps = 9
    grid = make_grid(draw_all(model, interpolate_images(model, rows, steps, seed=SEED, **sampling)), steps)
    text = "Each row keeps one class and goes" if model.num_classes else "Each row goes"
    return section(
        "Interpolations",
        f'<p class="soft">{text} from one random latent to another in {steps} even steps.</p>'
        + image_tag(grid, "Rows of samples that change step by step", "medium"),
    )


def real_and_generated(run, model, sampling):
    if not data_is_there(run):
        return ""
    columns = class_columns(model)
    count = 4 * columns
    real = _real_examples(run, model, columns, 4, by_class=has_classes(model))
    fake = draw_all(model, model.generate(count, sample_labels(model, count), seed=SEED + 1, **sampling))
    figures = "".join(
        f"<figure>{image_tag(make_grid(images, columns), caption, 'wide')}<figcaption>{caption}</figcaption></figure>"
        for images, caption in ((real, "Real, from the training data"), (fake, "Generated"))
    )
    return section("Real and generated", f'<div class="pair">{figures}</div>')


def reconstructions(run, model):
    if not model.can(Reconstructs) or not data_is_there(run):
        return ""
    examples, labels, origin = _held_out(run, model)
    made = model.spec.to_edge(model.reconstruct(model.spec.to_model(examples), labels, seed=SEED)).numpy()
    return section(
        "Reconstructions",
        f'<p class="soft">Above: real {model.spec.unit[1]} of {origin}. Below: what the model makes of them.</p>'
        + image_tag(_rows(model, examples, made), "Real examples over their reconstructions", "wide"),
    )


def completions(run, model):
    """The first half of real examples, completed twice."""
    if not model.can(Completes) or not data_is_there(run):
        return ""
    examples, labels, origin = _held_out(run, model)
    size = model.spec.shape[0]
    mask = np.zeros(model.spec.positions, bool)
    mask[: size // 2] = True
    completed = [model.complete(examples, mask, labels, seed=SEED + number) for number in range(2)]
    return section(
        "Completions",
        f'<p class="soft">Above: real {model.spec.unit[1]} of {origin}. Below: two completions of their first {size // 2} '
        "rows.</p>" + image_tag(_rows(model, examples, *completed), "Real examples over completions", "wide"),
    )


def _held_out(run, model):
    """A few real examples, of a split that was not trained on where there is one, with labels and the split in words."""
    others = [name for name in run.dataset_info.splits if name != "train"]
    split = "test" if "test" in others else [*others, "train"][0]
    examples, labels, _ = next(read_split(run.config.data_dir, split, _NUM_HELD_OUT))
    origin = "the training data" if split == "train" else f"the split {split}, which it was not trained on"
    return examples, None if model.num_classes is None else labels, origin


def _rows(model, *examples):
    return make_grid(draw_all(model, np.concatenate(examples)), len(examples[0]))


def data_is_there(run):
    return (Path(run.config.data_dir) / "dataset_info.json").is_file()


def _real_examples(run, model, columns, rows, by_class):
    """Drawings of real examples in a grid's order, with `by_class` a column a class."""
    _, dataset = load_dataset(run.config.data_dir, "train", 64, seed=SEED, repeat=False, drop_remainder=False)
    by_column = [[] for _ in range(columns)]
    number = 0
    for examples, labels in dataset:
        for example, label in zip(model.spec.to_edge(examples).numpy(), labels.numpy(), strict=True):
            column = by_column[(int(label) if by_class else number) % columns]
            number += 1
            if len(column) < rows:
                column.append(model.spec.draw(example))
        if all(len(column) == rows for column in by_column):
            break
    blank = np.zeros_like(next(column[0] for column in by_column if column))
    return np.stack([column[row] if row < len(column) else blank for row in range(rows) for column in by_column])


def spread(items, count):
    """At most `count` of `items`, evenly spread, the first and the last included."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]


def _read_rows(path, height, rows):
    """The first rows of a grid that `ImageGrid` drew, uint8 `[height, width, channels]`."""
    with Image.open(path) as image:
        array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    return array[: rows * (height + 2) - 2]
