"""Images by class: a labeled row of samples for each class, and loops through the classes."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.latent_tools.class_interpolation import interpolate_classes
from tfgan_suite.latent_tools.style_space import labels_in_turn, num_given
from tfgan_suite.video.animation_files import check_animation, write_animation

_GRID_MARGIN = 2
_NAME_MARGIN = 4


def samples_per_class(model, count, labels=None, seed=0, **sampling):
    """Generates images of each class. All images in a column share the same latent.

    Args:
        model: A conditional `GenerativeModel`.
        count: Integer >= 1. Number of images per class.
        labels: List of integers or names of classes, `None`, or `"all"`. Class of each row. `None` and `"all"` select all classes.
        seed: Integer. Seed for the latents. Row c is `model.generate(count, labels=c, seed=seed)`.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        uint8 array `[classes, count, height, width, channels]`.

    Raises:
        UserError: If the model has no classes, or a label is out of range.

    Example:

    >>> gan = DCGAN((8, 8, 1), num_classes=3, base_channels=4)
    >>> samples_per_class(gan, 4).shape
    (3, 4, 8, 8, 1)
    """
    if model.num_classes is None:
        raise UserError("`model` must be conditional to generate samples of each class. This model has no classes.")
    labels = labels_in_turn(model, labels, num_given(model, labels))
    return np.stack([model.generate(count, int(label), seed=seed, **sampling) for label in labels])


def name_rows(grid, names):
    """Adds a name to the left of each row of a grid.

    Args:
        grid: uint8 array `[height, width, channels]`, as returned by `make_grid`.
        names: List of strings. Name of each row.

    Returns:
        uint8 array `[height, wider, channels]`.

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
    scale=1,
    seed=0,
    **sampling,
):
    """Writes a loop in which every image of a grid passes through the classes, as GIF or MP4.

    Args:
        model: A conditional `GenerativeModel`, as in `interpolate_classes`.
        path: String or path of the `.gif` or `.mp4` file to write.
        rows: Integer. Number of rows in the grid.
        columns: Integer. Number of columns in the grid.
        seconds: Float. Duration, which is rounded to a whole number of frames between classes.
        frames_per_second: Float in [1, 50]. Frame rate.
        labels: List of integers, `None`, or `"all"`. Classes to pass through, as in `interpolate_classes`.
        move_latents: Boolean. Whether to use a new latent at every class.
        scale: Integer >= 1. Factor by which images are enlarged.
        seed: Integer. Seed for the latents.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        A `pathlib.Path`. The path of the file.

    Raises:
        UserError: If an argument is out of range, or the model does not support it.
        MissingExtraError: If the file is an MP4, and `imageio-ffmpeg` is not installed.
    """
    check_animation(path, frames_per_second)
    num_classes = num_given(model, labels)
    images = interpolate_classes(
        model,
        labels,
        max(1, round(seconds * frames_per_second / num_classes)) + 1,
        rows=rows * columns,
        move_latents=move_latents,
        closed=True,
        seed=seed,
        **sampling,
    )
    frames = np.stack([make_grid(frame, columns) for frame in images.swapaxes(0, 1)])
    write_animation(frames.repeat(scale, axis=1).repeat(scale, axis=2), path, frames_per_second)
    return local_path(path)
