"""Grids of images, and PNG files."""

import io

import numpy as np
from PIL import Image

from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path

MAX_COLUMNS = 16


def make_grid(images, columns, margin=2, background=255):
    """Arranges images in a grid, row by row.

    Args:
        images: A uint8 array of shape `[count, height, width, channels]`, with 1, 3, or 4 channels.
        columns: Integer >= 1. Number of images per row. The last row is padded with the background.
        margin: Integer >= 0. Number of pixels between images.
        background: Integer in [0, 255]. Gray value of the margins.

    Returns:
        A uint8 array of shape `[grid_height, grid_width, channels]`.

    Example:

    >>> make_grid(np.zeros([6, 8, 8, 1], "uint8"), columns=3).shape
    (18, 28, 1)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    grid = np.full(
        [rows * (height + margin) - margin, columns * (width + margin) - margin, channels], background, np.uint8
    )
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + margin), (index % columns) * (width + margin)
        grid[top : top + height, left : left + width] = image
    return grid


def make_clip_grid(clips, columns):
    """Arranges clips in a grid, frame by frame.

    Args:
        clips: A uint8 array of shape `[count, num_frames, height, width, channels]`.
        columns: Integer >= 1. Number of clips per row.

    Returns:
        A uint8 array of shape `[num_frames, grid_height, grid_width, channels]`.

    Example:

    >>> make_clip_grid(np.zeros([6, 16, 8, 8, 1], "uint8"), columns=3).shape
    (16, 18, 28, 1)
    """
    return np.stack([make_grid(frames, columns) for frames in np.swapaxes(clips, 0, 1)])


def save_png(image, path):
    """Writes a uint8 `[height, width, channels]` array as a PNG file."""
    path = local_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    kind = Image.registered_extensions().get(path.suffix.lower(), "PNG")
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, kind)
    write_atomically(path, file.getvalue())


def has_classes(model):
    """Returns whether a model has at least two classes."""
    return (model.num_classes or 1) > 1


def class_columns(model):
    """Returns the number of columns of a grid with one class per column, at most `MAX_COLUMNS`; 8 without classes."""
    return min(model.num_classes, MAX_COLUMNS) if has_classes(model) else 8
