"""Pictures by class: a named row of samples for each, and loops from class to class."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.latent_tools.animation import check_animation, write_animation
from tfgan_suite.latent_tools.class_interpolation import interpolate_classes
from tfgan_suite.latent_tools.style_space import labels_in_turn

_GRID_MARGIN = 2
_NAME_MARGIN = 4


def samples_per_class(model, count, labels=None, truncation=1.0, seed=0):
    """Images of each class. Column j of all rows has the same latent.

    Args:
        model: A conditional `GenerativeModel`.
        count: Images of each class, >= 1.
        labels: Classes, one a row; `None` or `"all"` for all.
        truncation: In [0, 1].
        seed: Row c is `model.generate(count, labels=c, seed=seed)`.

    Returns:
        uint8 `[classes, count, height, width, channels]`.

    Raises:
        UserError: A model without classes, or labels that it does not have.

    Example:

    >>> gan = DCGAN((8, 8, 1), num_classes=3, base_channels=4)
    >>> samples_per_class(gan, 4).shape
    (3, 4, 8, 8, 1)
    """
    if model.num_classes is None:
        raise UserError("Samples of each class need a conditional model. This one has no classes.")
    rows = model.num_classes if labels is None or isinstance(labels, str) else len(labels)
    labels = labels_in_turn(model, labels, rows)
    return np.stack([model.generate(count, int(label), truncation=truncation, seed=seed) for label in labels])


def name_rows(grid, names):
    """A grid of pictures with a name in front of each row.

    Args:
        grid: uint8 `[height, width, channels]`, as `make_grid` makes it.
        names: One a row.

    Returns:
        uint8 `[height, wider, channels]`.

    Example:

    >>> grid = make_grid(np.zeros([6, 16, 16, 1], "uint8"), columns=3)
    >>> name_rows(grid, ["cat", "dog"]).shape[0] == grid.shape[0]
    True
    """
    font = ImageFont.load_default()
    boxes = [font.getbbox(name) for name in names]
    width = int(np.ceil(max(box[2] for box in boxes))) + 2 * _NAME_MARGIN
    margin = Image.new("L", [width, grid.shape[0]], 255)
    row_height = (grid.shape[0] + _GRID_MARGIN) / len(names)
    for row, (name, box) in enumerate(zip(names, boxes)):
        middle = (row + 0.5) * row_height - _GRID_MARGIN / 2
        position = width - _NAME_MARGIN - box[2], middle - (box[1] + box[3]) / 2
        ImageDraw.Draw(margin).text(position, name, fill=0, font=font)
    margin = np.asarray(margin)[..., np.newaxis].repeat(grid.shape[2], axis=2)
    if grid.shape[2] == 4:
        margin[..., 3] = 255
    return np.concatenate([margin, grid], axis=1)


def write_class_loop(
    model,
    path,
    *,
    rows=2,
    columns=4,
    seconds=6,
    frames_per_second=25,
    labels=None,
    move_latents=False,
    truncation=1.0,
    scale=1,
    seed=0,
):
    """Writes a loop in which every picture of a grid passes through the classes, as GIF or MP4.

    Args:
        model: As in `interpolate_classes`.
        path: A `.gif` or `.mp4`.
        rows: Of the grid.
        columns: Of the grid.
        seconds: How long it lasts, to the nearest whole number of frames between classes.
        frames_per_second: From 1 to 50.
        labels: Classes on the way, as in `interpolate_classes`.
        move_latents: As in `interpolate_classes`.
        truncation: In [0, 1].
        scale: Pixels of the animation for one of an image.
        seed: Of the latents.

    Returns:
        `path`.
    """
    check_animation(path, frames_per_second)
    num_classes = len(labels) if isinstance(labels, tuple | list) else model.num_classes or 1
    images = interpolate_classes(
        model,
        labels,
        max(1, round(seconds * frames_per_second / num_classes)) + 1,
        rows=rows * columns,
        move_latents=move_latents,
        closed=True,
        truncation=truncation,
        seed=seed,
    )
    frames = np.stack([make_grid(frame, columns) for frame in images.swapaxes(0, 1)])
    write_animation(frames.repeat(scale, axis=1).repeat(scale, axis=2), path, frames_per_second)
    return Path(path)
