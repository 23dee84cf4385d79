"""Pictures of a model: grids of samples, paths between them, files."""

from pathlib import Path

import numpy as np

from tfgan_suite.drawing.image_grid import MAX_COLUMNS, class_columns, make_grid, save_png
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.latent_tools.class_interpolation import interpolate_classes
from tfgan_suite.latent_tools.class_pictures import name_rows, samples_per_class
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.style_space import StyleSpace
from tfgan_suite.latent_tools.truncation import class_centers
from tfgan_suite.specs.image_range import to_uint8


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
        labels = range(min(model.num_classes, MAX_COLUMNS))
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
    spherical = getattr(getattr(model, "latent_distribution", None), "on_a_shell", False)
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
    columns = [
        model.generate(rows, labels, truncation=float(truncation), seed=seed)
        for truncation in np.linspace(0.0, 1.0, steps)
    ]
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
    through_classes=None,
    move_latents=False,
    per_class=None,
    class_names=None,
    sweep=None,
    class_truncation=False,
    separate_dir=None,
):
    """Writes a grid of generated images as PNG.

    Args:
        model: A `GenerativeModel`.
        path: Of the grid, a `.png`.
        count: Images, or rows of ways and sweeps; by default a grid of eight rows, or a row a class.
        seed: The same seed gives the same images.
        labels: As in `sample_labels`.
        truncation: In [0, 1].
        columns: Of the grid; by default one a class.
        scale: Pixels of the grid for one of an image.
        interpolate: Images of a row that leads from one image to another, instead of single samples.
        interpolate_in_w: Whether these rows are straight in W, for a model that has it.
        through_classes: Images from one of the classes to the next in rows that pass through all of `labels`, as in
            `interpolate_classes`, instead of single samples.
        move_latents: Whether these rows change their latents too.
        per_class: Images of each class, a row with its name in front; instead of single samples.
        class_names: For these rows; by default their numbers.
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
    if sum(map(bool, (interpolate, through_classes, per_class, sweep))) > 1:
        raise UserError("Expected at most one of interpolate, through_classes, per_class and sweep. Received several.")
    if class_truncation:
        truncate_towards_classes(model)
    images, columns = _images_in_rows(
        model,
        count=count,
        seed=seed,
        labels=labels,
        truncation=truncation,
        columns=columns,
        interpolate=interpolate,
        interpolate_in_w=interpolate_in_w,
        through_classes=through_classes,
        move_latents=move_latents,
        per_class=per_class,
        sweep=sweep,
    )
    grid = make_grid(images, min(columns, len(images)))
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    if per_class:
        rows = range(model.num_classes) if labels is None or isinstance(labels, str) else labels
        grid = name_rows(grid, [class_names[label] if class_names else str(label) for label in rows])
    save_png(grid, path)
    paths = [path]
    if separate_dir is not None:
        digits = len(str(len(images) - 1))
        for index, image in enumerate(images):
            paths.append(Path(separate_dir) / f"{index:0{digits}d}.png")
            save_png(image, paths[-1])
    return paths


def _images_in_rows(
    model,
    *,
    count,
    seed,
    labels,
    truncation,
    columns,
    interpolate,
    interpolate_in_w,
    through_classes,
    move_latents,
    per_class,
    sweep,
):
    """The images of the grid, uint8 `[count, height, width, channels]`, and its columns, as `write_samples` has them."""
    if interpolate:
        columns = interpolate
        rows = count or class_columns(model)
        images = interpolate_images(model, rows, interpolate, labels, truncation, seed, interpolate_in_w)
    elif through_classes:
        ways = interpolate_classes(
            model, labels, through_classes, rows=count or 4, move_latents=move_latents, truncation=truncation, seed=seed
        )
        columns, images = ways.shape[1], ways.reshape([-1, *ways.shape[2:]])
    elif per_class:
        columns = per_class
        images = samples_per_class(model, per_class, labels, truncation, seed)
        images = images.reshape([-1, *images.shape[2:]])
    elif sweep:
        columns = sweep
        images = sweep_truncation(model, count or class_columns(model), sweep, labels, seed)
    else:
        shown = len(labels) if isinstance(labels, tuple) and len(labels) <= MAX_COLUMNS else class_columns(model)
        columns = columns or (shown if shown > 1 else 8)
        count = count or 8 * columns
        images = model.generate(count, sample_labels(model, count, labels), truncation=truncation, seed=seed)
    return images, columns
