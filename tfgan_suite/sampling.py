"""Pictures of a model: grids of samples, paths between them, files."""

from pathlib import Path

import numpy as np

from tfgan_suite import latents as latent_distributions
from tfgan_suite.callbacks.image_grid import make_grid, save_png
from tfgan_suite.errors import UserError
from tfgan_suite.image_range import to_uint8
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.style_space import StyleSpace
from tfgan_suite.latent_tools.truncation import class_centers
from tfgan_suite.randomness import fold

MAX_COLUMNS = 16


def class_columns(model):
    """Columns of a grid in which each shows one class; 8 without classes."""
    return min(model.num_classes, MAX_COLUMNS) if model.num_classes else 8


def sample_labels(model, count, labels=None):
    """The labels of `count` images.

    Args:
        model: A `GenerativeModel`.
        count: Number of images.
        labels: `None` or `"all"` for all classes in turn, or integers, taken in turn.

    Returns:
        int32 `[count]`, or `None` for a model without classes.

    Raises:
        UserError: Labels for a model without classes.
    """
    if model.num_classes is None:
        if labels is not None:
            raise UserError("This model has no classes: expected no labels.")
        return None
    if labels is None or isinstance(labels, str):
        labels = range(class_columns(model))
    return np.resize(np.asarray(labels, np.int32), [count])


def interpolate_images(model, rows, steps, labels=None, truncation=1.0, seed=0, in_w=False):
    """Rows of images, each from one random latent to another, within one class.

    Args:
        model: A `GenerativeModel`.
        rows: Number of rows.
        steps: Images in a row, >= 2.
        labels: As in `sample_labels`, one a row.
        truncation: In [0, 1].
        seed: Of the ends.
        in_w: Whether the way between the ends is straight in W, for a model that has it.

    Returns:
        uint8 `[rows * steps, height, width, channels]`.

    Raises:
        UserError: Fewer than two steps, or no W space.
    """
    if steps < 2:
        raise UserError(f"Expected at least 2 steps, the two ends. Received: {steps}")
    labels = sample_labels(model, rows, labels)
    ends = np.asarray(model.sample_latents(2 * rows, fold(seed, "interpolate"), truncation))  # [2 * rows, latent_size]
    spherical = isinstance(getattr(model, "latent_distribution", None), latent_distributions.Normal)
    images = []
    if in_w:
        space = StyleSpace(model)
        ws = space.map(ends, None if labels is None else np.tile(labels, 2), truncation)
        for row in range(rows):
            images.append(space.synthesize(interpolate_styles(ws[row], ws[rows + row], steps)))
        return np.concatenate(images)
    for row in range(rows):
        latents = latent_distributions.interpolate(ends[row], ends[rows + row], steps, spherical)
        row_labels = None if labels is None else np.full([steps], labels[row], np.int32)
        images.append(to_uint8(model(latents, row_labels, training=False, truncation=truncation)))
    return np.concatenate(images)


def sweep_truncation(model, rows, steps, labels=None, seed=0):
    """Rows of images, each one image from the average one (truncation 0) to itself (1).

    Args:
        model: A `GenerativeModel`.
        rows: Number of rows.
        steps: Images in a row, >= 2.
        labels: As in `sample_labels`, one a row.
        seed: Of the images.

    Returns:
        uint8 `[rows * steps, height, width, channels]`.

    Raises:
        UserError: Fewer than two steps.
    """
    if steps < 2:
        raise UserError(f"Expected at least 2 steps, the two ends. Received: {steps}")
    labels = sample_labels(model, rows, labels)
    columns = [model.generate(rows, labels, float(truncation), seed) for truncation in np.linspace(0.0, 1.0, steps)]
    images = np.stack(columns, axis=1)  # [rows, steps, height, width, channels]
    return images.reshape([-1, *images.shape[2:]])


def truncate_towards_classes(model, seed=0):
    """Makes truncation lead towards the mean style of each class instead of the mean of all, from now on.

    Args:
        model: A conditional model with a W space, which has not generated yet.
        seed: Of the latents whose styles are averaged.

    Raises:
        UserError: No W space, or no classes.
    """
    model.ema_generator.mapping.class_averages = class_centers(StyleSpace(model), seed=seed)


def write_samples(
    model,
    path,
    *,
    count=None,
    seed=0,
    labels=None,
    truncation=1.0,
    columns=None,
    scale=1,
    interpolate=None,
    interpolate_in_w=False,
    sweep=None,
    class_truncation=False,
    separate_dir=None,
):
    """Writes a grid of generated images as PNG.

    Args:
        model: A `GenerativeModel`.
        path: Of the grid, a `.png`.
        count: Images, or rows with `interpolate` or `sweep`; by default a grid of eight rows, or a row a class.
        seed: The same seed gives the same images.
        labels: As in `sample_labels`.
        truncation: In [0, 1].
        columns: Of the grid; by default one a class.
        scale: Pixels of the grid for one of an image.
        interpolate: Images of a row that leads from one image to another, instead of single samples.
        interpolate_in_w: Whether these rows are straight in W, for a model that has it.
        sweep: Images of a row in which truncation goes from 0 to 1, instead of single samples.
        class_truncation: Whether truncation leads to the mean of each class, as in `truncate_towards_classes`.
        separate_dir: Where to write each image to a file of its own as well.

    Returns:
        Paths of what was written, the grid first.

    Raises:
        UserError: An argument out of range, or a path that is no `.png`.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"Expected an output file NAME.png. Received: {str(path)!r}")
    if class_truncation:
        truncate_towards_classes(model)
    if interpolate:
        columns = interpolate
        rows = count or class_columns(model)
        images = interpolate_images(model, rows, interpolate, labels, truncation, seed, interpolate_in_w)
    elif sweep:
        columns = sweep
        images = sweep_truncation(model, count or class_columns(model), sweep, labels, seed)
    else:
        shown = len(labels) if isinstance(labels, tuple) and len(labels) <= MAX_COLUMNS else class_columns(model)
        columns = columns or (shown if shown > 1 else 8)
        count = count or 8 * columns
        images = model.generate(count, sample_labels(model, count, labels), truncation, seed)
    grid = make_grid(images, min(columns, len(images)))
    save_png(grid.repeat(scale, axis=0).repeat(scale, axis=1), path)
    paths = [path]
    if separate_dir is not None:
        digits = len(str(len(images) - 1))
        for index, image in enumerate(images):
            paths.append(Path(separate_dir) / f"{index:0{digits}d}.png")
            save_png(image, paths[-1])
    return paths
