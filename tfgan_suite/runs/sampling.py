"""Pictures of a model's examples: grids of samples, interpolations, files."""

import numpy as np

from tfgan_suite.audio.wav_files import encode_sequence
from tfgan_suite.drawing.image_grid import MAX_COLUMNS, class_columns, make_clip_grid, make_grid, save_png
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.abilities import HasLatents, HasStyles, require
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.latent_tools.class_interpolation import interpolate_classes
from tfgan_suite.latent_tools.class_pictures import name_rows, samples_per_class
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.style_space import StyleSpace, labels_in_turn, num_given
from tfgan_suite.latent_tools.truncation import class_centers
from tfgan_suite.video.animation_files import ANIMATION_SUFFIXES, check_animation, write_animation


def sample_labels(model, count, labels=None):
    """The labels of `count` examples.

    Args:
        model: A `GenerativeModel`.
        count: Integer. Number of examples.
        labels: `None` or `"all"` for all classes in turn, or a tuple of integers or names of classes, repeated as needed.

    Returns:
        int32 `[count]`, or `None` for a model without classes.

    Raises:
        UserError: Labels for a model without classes, or of classes that it does not have.
    """
    if model.num_classes is None:
        if labels is not None:
            raise UserError("`labels` must be left out: this model has no classes.")
        return None
    if labels is None or isinstance(labels, str) and labels == "all":
        labels = np.arange(min(model.num_classes, MAX_COLUMNS), dtype=np.int32)
    else:
        labels = model.condition.class_indices(labels)
    return np.resize(labels, [count])


def draw_all(model, examples):
    """Draws examples as the model's spec does.

    Args:
        model: A `GenerativeModel`.
        examples: Array of its examples, as `generate` returns them.

    Returns:
        uint8 array `[count, height, width, channels]`.
    """
    return np.stack([model.spec.draw(example) for example in np.asarray(examples)])


def interpolate_images(model, rows, steps, labels=None, seed=0, in_w=False, **sampling):
    """Rows of examples, each from one random latent to another, within one class.

    Args:
        model: A `GenerativeModel` with latents.
        rows: Integer. Number of rows.
        steps: Integer >= 2. Examples in a row, including both ends.
        labels: As in `sample_labels`, one a row.
        seed: Integer. Seed of the ends.
        in_w: Boolean. Whether to interpolate in W, for a model that has styles.
        **sampling: The model's sampling options.

    Returns:
        Array `[rows * steps, *spec.shape]` of the spec's `edge_dtype`.

    Raises:
        UserError: Fewer than two steps, or a model without latents, or, with `in_w`, without styles.
    """
    require(model, HasLatents, "An interpolation")
    if steps < 2:
        raise UserError(f"`steps` must be at least 2 steps, to include both ends. Received: steps={steps}")
    sampling = resolve_sampling(model, sampling)
    labels = sample_labels(model, rows, labels)
    ends = np.asarray(
        model.sample_latents(2 * rows, fold(seed, "interpolate"), **sampling)
    )  # [2 * rows, *latent_shape]
    spherical = model.latents_on_a_shell
    images = []
    if in_w:
        require(model, HasStyles, "An interpolation in W")
        space = StyleSpace(model)
        ws = space.map(ends, None if labels is None else np.tile(labels, 2), **sampling)
        for row in range(rows):
            images.append(space.synthesize(interpolate_styles(ws[row], ws[rows + row], steps)))
        return np.concatenate(images)
    for row in range(rows):
        latents = latent_distributions.interpolate(ends[row], ends[rows + row], steps, spherical)
        row_labels = None if labels is None else np.full([steps], labels[row], np.int32)
        images.append(model.spec.to_edge(model(latents, row_labels, training=False, **sampling)))
    return np.concatenate(images)


def sweep_truncation(model, rows, steps, labels=None, seed=0):
    """Rows of examples, each from the average one (truncation 0) to a sample (truncation 1).

    Args:
        model: A `GenerativeModel` with the sampling option `truncation`.
        rows: Integer. Number of rows.
        steps: Integer >= 2. Examples in a row, including both ends.
        labels: As in `sample_labels`, one a row.
        seed: Integer. Seed of the samples.

    Returns:
        Array `[rows * steps, *spec.shape]` of the spec's `edge_dtype`.

    Raises:
        UserError: Fewer than two steps, or a model that cannot truncate.
    """
    if steps < 2:
        raise UserError(f"`steps` must be at least 2 steps, to include both ends. Received: steps={steps}")
    labels = sample_labels(model, rows, labels)
    columns = [
        model.generate(rows, labels, truncation=float(truncation), seed=seed)
        for truncation in np.linspace(0.0, 1.0, steps)
    ]
    images = np.stack(columns, axis=1)  # [rows, steps, *spec.shape]
    return images.reshape([-1, *images.shape[2:]])


def truncate_towards_classes(model, seed=0):
    """Makes truncation lead towards the mean style of each class instead of the mean of all, from now on.

    Args:
        model: A conditional model with styles, which has not generated yet.
        seed: Integer. Seed of the latents whose styles are averaged.

    Raises:
        UserError: No styles, or no classes.
    """
    require(model, HasStyles, "Truncation towards classes")
    model.ema_generator.mapping.class_averages = class_centers(StyleSpace(model), seed=seed)


def write_samples(
    model,
    path,
    *,
    count=None,
    seed=0,
    labels=None,
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
    **sampling,
):
    """Writes a grid of generated examples as PNG, clips of sound that follow each other as WAV, or a grid of clips as GIF or MP4.

    Args:
        model: A `GenerativeModel`.
        path: String. Path of the grid, a `.png`; of sound, a `.wav`; or of clips that move, a `.gif` or `.mp4`.
        count: Integer. Examples, or rows of interpolations and sweeps; by default a grid of eight rows, or a row a class. Of
            sound by default one row.
        seed: Integer. The same seed gives the same examples.
        labels: As in `sample_labels`.
        columns: Integer. Columns of the grid; by default one a class.
        scale: Integer. Factor by which the grid is enlarged.
        interpolate: Integer. Examples of a row that leads from one example to another, instead of single samples.
        interpolate_in_w: Boolean. Whether these rows are straight in W, for a model with styles.
        through_classes: Integer. Examples from one of the classes to the next in rows that pass through all of `labels`, as
            in `interpolate_classes`, instead of single samples.
        move_latents: Boolean. Whether these rows change their latents too.
        per_class: Integer. Examples of each class, a row with its name in front; instead of single samples.
        class_names: Tuple of strings. Names for these rows; by default their numbers.
        sweep: Integer. Examples of a row in which truncation goes from 0 to 1, instead of single samples.
        class_truncation: Boolean. Whether truncation leads to the mean of each class, as in `truncate_towards_classes`.
        separate_dir: String. Where to write each example to its own file as well, as the model's spec does.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        List of the paths of what was written, the grid first.

    Raises:
        UserError: An argument out of range, something that the model cannot do, or a path that is not a `.png`, nor the
            `.wav` of a model of sound, nor the `.gif` or `.mp4` of a model of clips.
        MissingExtraError: The path is an `.mp4`, and imageio-ffmpeg is not installed.
    """
    path, separate_dir = local_path(path), None if separate_dir is None else local_path(separate_dir)
    is_sound = path.suffix.lower() == ".wav" and model.spec.sample_rate_hz is not None
    rate = model.spec.frames_per_second
    is_animation = path.suffix.lower() in ANIMATION_SUFFIXES and rate is not None
    if path.suffix.lower() != ".png" and not is_sound and not is_animation:
        of_sound = "" if model.spec.sample_rate_hz is None else " or NAME.wav"
        of_clips = "" if rate is None else ", NAME.gif or NAME.mp4"
        raise UserError(f"`path` must be an output file NAME.png{of_sound}{of_clips}. Received: path={str(path)!r}")
    if is_animation:
        check_animation(path, rate)
    if is_animation and per_class:
        raise UserError("`per_class` writes names, for which `path` must be a .png. Received: path=" + repr(str(path)))
    if is_sound and count is None:
        count = class_columns(model) if not (interpolate or through_classes or per_class or sweep) else 1
    if sum(map(bool, (interpolate, through_classes, per_class, sweep))) > 1:
        raise UserError(
            "At most one of `interpolate`, `through_classes`, `per_class` and `sweep` must be given. Received several."
        )
    if class_truncation:
        truncate_towards_classes(model)
    examples, columns = _examples_in_rows(
        model,
        count=count,
        seed=seed,
        labels=labels,
        columns=columns,
        interpolate=interpolate,
        interpolate_in_w=interpolate_in_w,
        through_classes=through_classes,
        move_latents=move_latents,
        per_class=per_class,
        sweep=sweep,
        sampling=sampling,
    )
    if is_sound:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, encode_sequence(model.spec.to_samples(examples), model.spec.sample_rate_hz).numpy())
    elif is_animation:
        frames = make_clip_grid(np.asarray(examples), min(columns, len(examples)))
        write_animation(frames.repeat(scale, axis=1).repeat(scale, axis=2), path, rate)
    else:
        grid = make_grid(draw_all(model, examples), min(columns, len(examples)))
        grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
        if per_class:
            rows = labels_in_turn(model, labels, num_given(model, labels))
            grid = name_rows(grid, [class_names[label] if class_names else str(label) for label in rows])
        save_png(grid, path)
    paths = [path]
    if separate_dir is not None:
        separate_dir.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(examples) - 1))
        for index, example in enumerate(examples):
            paths.append(separate_dir / f"{index:0{digits}d}{model.spec.file_suffix}")
            paths[-1].write_bytes(model.spec.to_file(np.asarray(example)))
    return paths


def _examples_in_rows(
    model,
    *,
    count,
    seed,
    labels,
    columns,
    interpolate,
    interpolate_in_w,
    through_classes,
    move_latents,
    per_class,
    sweep,
    sampling,
):
    """The examples of the grid, `[count, *spec.shape]`, and its columns, as in `write_samples`."""
    if interpolate:
        columns = interpolate
        rows = count or class_columns(model)
        images = interpolate_images(model, rows, interpolate, labels, seed, interpolate_in_w, **sampling)
    elif through_classes:
        ways = interpolate_classes(
            model, labels, through_classes, rows=count or 4, move_latents=move_latents, seed=seed, **sampling
        )
        columns, images = ways.shape[1], ways.reshape([-1, *ways.shape[2:]])
    elif per_class:
        columns = per_class
        images = samples_per_class(model, per_class, labels, seed, **sampling)
        images = images.reshape([-1, *images.shape[2:]])
    elif sweep:
        columns = sweep
        images = sweep_truncation(model, count or class_columns(model), sweep, labels, seed)
    else:
        shown = len(labels) if isinstance(labels, tuple) and len(labels) <= MAX_COLUMNS else class_columns(model)
        columns = columns or (shown if shown > 1 else 8)
        count = count or 8 * columns
        images = model.generate(count, sample_labels(model, count, labels), seed=seed, **sampling)
    return images, columns
