"""Grids of images, and PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image

MAX_COLUMNS = 16


def make_grid(images, columns, margin=2, background=255):
    """Lays images out in rows.

    Args:
        images: uint8 `[count, height, width, channels]`, 1, 3 or 4 channels.
        columns: Images in a row, >= 1. The last row is filled up with background.
        margin: Pixels between images.
        background: Grey value of the margins.

    Returns:
        uint8 `[grid_height, grid_width, channels]`.

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


def save_png(image, path):
    """Writes a uint8 `[height, width, channels]` array as PNG."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def has_classes(model):
    """Whether a model has classes to tell apart: two or more."""
    return (model.num_classes or 1) > 1


def class_columns(model):
    """Columns of a grid in which each shows one class, at most `MAX_COLUMNS`; 8 where there are none to tell apart."""
    return min(model.num_classes, MAX_COLUMNS) if has_classes(model) else 8
