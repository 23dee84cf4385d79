"""Sections of the report that show pictures, each a piece of HTML, or "" where there is nothing to show."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.data.loader import load_dataset
from tfgan_suite.drawing.image_grid import class_columns, has_classes, make_grid
from tfgan_suite.drawing.line_chart import format_number
from tfgan_suite.runs.report.html_pieces import data_url, image_tag, section
from tfgan_suite.runs.sampling import interpolate_images, sample_labels
from tfgan_suite.specs.image_range import to_uint8

_FILM_ROWS = 10
_SLIDER_FRAMES = 24
_SEED = 1


def samples(model):
    columns = class_columns(model)
    images = model.generate(8 * columns, sample_labels(model, 8 * columns), seed=_SEED)
    columns_text = "One column a class; " if has_classes(model) else ""
    return section(
        "Samples",
        f'<p class="soft">{columns_text}not chosen: the first {8 * columns} of seed {_SEED}, from the averaged weights.</p>'
        + image_tag(make_grid(images, columns), "Grid of generated images", "wide"),
    )


def film(run, model):
    """The same latents as training went on: a slider over whole grids, and a strip of first rows."""
    frames = sorted((run.directory / "images").glob("[0-9]*.png"))
    if len(frames) < 2:
        return ""
    height = model.image_shape[0]
    rows = 8 if height <= 32 else 3
    shown = [(f"{int(path.stem):,} images", _read_rows(path, height, rows)) for path in _spread(frames, _SLIDER_FRAMES)]
    slider_frames = json.dumps([(caption, data_url(image)) for caption, image in shown])
    caption, last = shown[-1]
    strip = "".join(
        f"<span>{format_number(int(path.stem))}</span>"
        + image_tag(_read_rows(path, height, 1), f"After {path.stem} images")
        for path in _spread(frames, _FILM_ROWS)
    )
    return section(
        "How it learned",
        '<p class="soft">The same latents all along. Move the slider; below, the first row at ten moments.</p>'
        '<div class="watch">'
        + image_tag(last, "Grid at the chosen moment", "wide")
        + f'<label><span class="soft">time</span><input type="range" min="0" max="{len(shown) - 1}" '
        f'value="{len(shown) - 1}"><output>{caption}</output></label><template>{slider_frames}</template></div>'
        f'<div class="film">{strip}</div><p class="note">Left: images trained on.</p>',
    )


def paths_between(model):
    rows = class_columns(model) if has_classes(model) else 6
    steps = 9
    grid = make_grid(interpolate_images(model, rows, steps, seed=_SEED), steps)
    text = "Each row keeps one class and walks" if model.num_classes else "Each row walks"
    return section(
        "Between two pictures",
        f'<p class="soft">{text} from one random latent to another in {steps} even steps.</p>'
        + image_tag(grid, "Rows of images that change step by step", "medium"),
    )


def real_and_generated(run, model):
    if not (Path(run.config.data_dir) / "dataset_info.json").is_file():
        return ""  # The data is no longer where it was.
    columns = class_columns(model)
    count = 4 * columns
    real = _real_images(run, columns, 4, by_class=has_classes(model))
    fake = model.generate(count, sample_labels(model, count), seed=_SEED + 1)
    figures = "".join(
        f"<figure>{image_tag(make_grid(images, columns), caption, 'wide')}<figcaption>{caption}</figcaption></figure>"
        for images, caption in ((real, "Real, from the training data"), (fake, "Generated"))
    )
    return section("Real and generated", f'<div class="pair">{figures}</div>')


def _real_images(run, columns, rows, by_class):
    """Real images in a grid's order, with `by_class` a column a class."""
    _, dataset = load_dataset(run.config.data_dir, "train", 64, seed=_SEED, repeat=False, drop_remainder=False)
    by_column = [[] for _ in range(columns)]
    number = 0
    for images, labels in dataset:
        for image, label in zip(to_uint8(images).numpy(), labels.numpy(), strict=True):
            column = by_column[(int(label) if by_class else number) % columns]
            number += 1
            if len(column) < rows:
                column.append(image)
        if all(len(column) == rows for column in by_column):
            break
    blank = np.zeros(run.dataset_info.image_shape, np.uint8)
    return np.stack([column[row] if row < len(column) else blank for row in range(rows) for column in by_column])


def _spread(items, count):
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
