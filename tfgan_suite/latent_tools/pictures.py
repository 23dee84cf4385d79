"""What the commands of the latent tools write: a table of mixed styles, a loop, directions, a projection."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfgan_suite.drawing.image_grid import make_grid, save_png
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.latent_tools.animation import check_animation, loop_frames, write_animation
from tfgan_suite.latent_tools.projection import project
from tfgan_suite.latent_tools.sefa import direction_grid, find_directions
from tfgan_suite.latent_tools.style_mixing import mix_styles
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space, labels_in_turn

# Latents from which the spread along a direction is measured, and how many of it the pictures reach by default.
_NUM_SPREAD_SAMPLES = 1000
_DEFAULT_REACH = 3.0


def write_style_mix(model, path, *, rows=4, columns=6, layers="coarse", labels=None, truncation=1.0, seed=0):
    """Writes the table of style mixing as PNG; see `mix_styles`.

    Args:
        model: A model with a W space.
        path: A `.png`.
        rows: Pictures at the left: the first ones of `model.generate(seed=seed)`.
        columns: Pictures on top: the next ones.
        layers: Styles taken from the top.
        labels: As in `labels_in_turn`.
        truncation: In [0, 1].
        seed: The same seed gives the same pictures.

    Returns:
        `path`.
    """
    path = _check_png(path)
    space = StyleSpace(model)
    space.layers(layers)
    ws = space.sample(rows + columns, seed, labels_in_turn(space, labels, rows + columns), truncation)
    save_png(mix_styles(space, ws[:rows], ws[rows:], layers), path)
    return path


def write_loop(
    model,
    path,
    *,
    rows=2,
    columns=4,
    seconds=6,
    points=6,
    frames_per_second=25,
    labels=None,
    truncation=1.0,
    scale=1,
    seed=0,
):
    """Writes a seamless loop as GIF or MP4; see `loop_frames`.

    Args:
        model: A `GenerativeModel`.
        path: A `.gif` or `.mp4`.
        rows: Of the grid.
        columns: Of the grid.
        seconds: How long it lasts, to the nearest whole number of frames between points.
        points: Random points that each picture passes.
        frames_per_second: From 1 to 50.
        labels: As in `labels_in_turn`.
        truncation: In [0, 1].
        scale: Pixels of the animation for one of an image.
        seed: Of the points.

    Returns:
        `path`.
    """
    check_animation(path, frames_per_second)
    frames = loop_frames(
        model,
        num_points=points,
        steps_per_point=max(1, round(seconds * frames_per_second / points)),
        rows=rows,
        columns=columns,
        labels=labels,
        truncation=truncation,
        seed=seed,
    )
    write_animation(frames.repeat(scale, axis=1).repeat(scale, axis=2), path, frames_per_second)
    return Path(path)


def write_directions(
    model,
    path,
    *,
    count=6,
    layers=None,
    reach=None,
    steps=7,
    images=1,
    labels=None,
    truncation=1.0,
    save_path=None,
    seed=0,
):
    """Finds directions and writes what they do as PNG; see `find_directions` and `direction_grid`.

    Args:
        model: A model that is not an exported one: the directions come from its weights.
        path: A `.png`.
        count: Number of directions.
        layers: Styles to look at and to move, for a model with a W space.
        reach: How far to go along each; by default three times the spread of random codes along it.
        steps: Pictures in a row.
        images: Pictures to move: the first ones of `model.generate(seed=seed)`.
        labels: As in `labels_in_turn`.
        truncation: In [0, 1], for a model with a W space.
        save_path: Where to write the directions as well, an `.npz`.
        seed: Of the pictures.

    Returns:
        Paths of what was written.
    """
    paths = [_check_png(path)]
    directions = find_directions(model, layers, count)
    latents = np.asarray(model.sample_latents(_NUM_SPREAD_SAMPLES, fold(seed, "generate", "latents")))
    if reach is None:
        space = StyleSpace(model) if has_style_space(model) else None
        labels_of_samples = labels_in_turn(model, None, len(latents))
        codes = space.map(latents, labels_of_samples)[:, 0] if space else latents
        reach = _DEFAULT_REACH * (codes @ directions.vectors.T).std(axis=0)
    labels = labels_in_turn(model, labels, images)
    save_png(direction_grid(model, directions, latents[:images], labels, reach, steps, truncation), paths[0])
    if save_path is not None:
        paths.append(Path(save_path).with_suffix(".npz"))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        directions.save(paths[-1])
    return paths


def write_projection(model, image_path, path, **search):
    """Projects a picture and writes it beside what was found, as PNG, and the styles as `.npz`.

    Args:
        model: A model with a W space.
        image_path: A picture file; it is cropped around its middle to the model's shape, and resized.
        path: A `.png`.
        **search: Arguments of `project`.

    Returns:
        The PNG's path, the `.npz`'s (`ws`, `distance`, `losses`, and `noise_0` ... if they were searched for), and the `Projection`.
    """
    path = _check_png(path)
    space = StyleSpace(model)
    image = read_image(image_path, space.image_shape)
    projection = project(space, image, **search)
    save_png(make_grid(np.stack([image, projection.image]), columns=2), path)
    styles_path = path.with_suffix(".npz")
    noise = {f"noise_{index}": one for index, one in enumerate(projection.noise or [])}
    np.savez(styles_path, ws=projection.ws, distance=projection.distance, losses=projection.losses, **noise)
    return path, styles_path, projection


def read_image(path, image_shape):
    """Reads a picture, cropped around its middle and resized.

    Args:
        path: A file that Pillow knows.
        image_shape: `(height, width, channels)`, 1, 3 or 4 channels.

    Returns:
        uint8 of `image_shape`.

    Raises:
        UserError: There is no such file, or it is no picture.
    """
    height, width, channels = image_shape
    if not Path(path).is_file():
        raise UserError(f"There is no picture {str(path)!r}.")
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"Expected a picture. Received: {str(path)!r}, which cannot be read as one.") from error
    cut = min(image.width / width, image.height / height)
    cut_width, cut_height = round(width * cut), round(height * cut)
    left, top = (image.width - cut_width) // 2, (image.height - cut_height) // 2
    image = image.crop((left, top, left + cut_width, top + cut_height))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).reshape(image_shape)


def _check_png(path):
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"Expected an output file NAME.png. Received: {str(path)!r}")
    return path
