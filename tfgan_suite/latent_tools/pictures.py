"""Writes the output of the latent tools' commands: a style mixing table, a loop, directions, a projection or an encoding."""

from pathlib import Path

import numpy as np

from tfgan_suite.data.image_files import decode_image
from tfgan_suite.data.images import ImageFormat
from tfgan_suite.drawing.image_grid import make_grid, save_png
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.files import replaced_whole
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.latent_tools.animation import loop_frames
from tfgan_suite.latent_tools.encoding import encode_example, encode_examples
from tfgan_suite.latent_tools.label_directions import find_label_directions
from tfgan_suite.latent_tools.projection import project
from tfgan_suite.latent_tools.sefa import direction_grid, find_directions
from tfgan_suite.latent_tools.style_mixing import mix_styles
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space, labels_in_turn
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.video.animation_files import check_animation, write_animation

# Number of latents from which the spread along a direction is measured, and the default reach in units of this spread.
_NUM_SPREAD_SAMPLES = 1000
_DEFAULT_REACH = 3.0


def write_style_mix(model, path, *, rows=4, columns=6, layers="coarse", labels=None, truncation=1.0, seed=0):
    """Writes a style mixing table as PNG. See `mix_styles`.

    Args:
        model: A model with a W space.
        path: String or path of the `.png` file to write.
        rows: Integer. Number of images on the left, the first ones of `model.generate(seed=seed)`.
        columns: Integer. Number of images at the top, the next ones of `model.generate(seed=seed)`.
        layers: String, list of integers, or `None`. Styles taken from the images at the top, as in `StyleSpace.layers`.
        labels: List of integers, `None`, or `"all"`. Classes of the images, as in `labels_in_turn`.
        truncation: Float in [0, 1]. 1 samples the full distribution; smaller values trade variety for quality.
        seed: Integer. Seed for the latents.

    Returns:
        A `pathlib.Path`. The path of the file.

    Raises:
        UserError: If the model has no W space, or an argument is out of range.
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
    scale=1,
    seed=0,
    **sampling,
):
    """Writes a seamless loop as GIF or MP4. See `loop_frames`.

    Args:
        model: A `GenerativeModel`.
        path: String or path of the `.gif` or `.mp4` file to write.
        rows: Integer. Number of rows in the grid.
        columns: Integer. Number of columns in the grid.
        seconds: Float. Duration, which is rounded to a whole number of frames between points.
        points: Integer >= 2. Number of random points that each image passes through.
        frames_per_second: Float in [1, 50]. Frame rate.
        labels: List of integers, `None`, or `"all"`. Classes of the images, as in `labels_in_turn`.
        scale: Integer >= 1. Factor by which images are enlarged.
        seed: Integer. Seed for the points.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        A `pathlib.Path`. The path of the file.

    Raises:
        UserError: If an argument is out of range, or the labels do not match the model.
        MissingExtraError: If the file is an MP4, and `imageio-ffmpeg` is not installed.
    """
    check_animation(path, frames_per_second)
    frames = loop_frames(
        model,
        num_points=points,
        steps_per_point=max(1, round(seconds * frames_per_second / points)),
        rows=rows,
        columns=columns,
        labels=labels,
        seed=seed,
        **sampling,
    )
    write_animation(frames.repeat(scale, axis=1).repeat(scale, axis=2), path, frames_per_second)
    return local_path(path)


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
    """Finds directions and writes their effects as PNG. See `find_directions` and `direction_grid`.

    Args:
        model: A `GenerativeModel`. Exported models are not supported, because the directions are computed from weights.
        path: String or path of the `.png` file to write.
        count: Integer. Number of directions.
        layers: String, list of integers, or `None`. Styles to analyze and to move, as in `StyleSpace.layers`. Only for
            a model with a W space.
        reach: Float or `None`. How far to move along each direction. Defaults to three times the spread of random codes
            along it.
        steps: Integer >= 2. Number of images per row.
        images: Integer. Number of images to move, the first ones of `model.generate(seed=seed)`.
        labels: List of integers, `None`, or `"all"`. Classes of the images, as in `labels_in_turn`.
        truncation: Float in [0, 1]. 1 samples the full distribution; smaller values trade variety for quality. Only for
            a model with a W space.
        save_path: String, path, or `None`. The `.npz` file to which the directions are also written.
        seed: Integer. Seed for the latents.

    Returns:
        List of the paths of the files.

    Raises:
        UserError: If an argument is out of range, or the model does not support it.
    """
    paths = [_check_png(path)]
    directions = find_directions(model, layers, count)
    latents = np.asarray(model.sample_latents(_NUM_SPREAD_SAMPLES, fold(seed, "generate", "latents")))
    if reach is None:
        space = StyleSpace(model) if has_style_space(model) else None
        labels_of_samples = labels_in_turn(model, None, len(latents))
        codes = space.map(latents, labels_of_samples)[:, 0] if space else latents.reshape([len(latents), -1])
        reach = _DEFAULT_REACH * (codes @ directions.vectors.T).std(axis=0)
    labels = labels_in_turn(model, labels, images)
    save_png(direction_grid(model, directions, latents[:images], labels, reach, steps, truncation), paths[0])
    return [*paths, *_save_directions(directions, save_path)]


def write_label_directions(
    model, path, data, *, examples=1000, method="means", reach=None, steps=7, images=1, save_path=None
):
    """Finds the directions towards the classes of a set and writes their effects as PNG. See `find_label_directions`.

    Args:
        model: A `GenerativeModel` that encodes.
        path: String or path of the `.png` file to write.
        data: A prepared directory with classes, or another set of examples that `evaluate` takes.
        examples: Integer >= 2. Number of examples of the set to find the directions from.
        method: String, `"means"` or `"boundary"`.
        reach: Float or `None`. How far to move along each direction. Defaults to the distance of the means.
        steps: Integer >= 2. Number of examples per row.
        images: Integer >= 1. Number of examples to move, the first ones of the set.
        save_path: String, path, or `None`. The `.npz` file to which the directions are also written.

    Returns:
        List of the paths of the files.

    Raises:
        UserError: If an argument is out of range, the set has no classes or does not fit the model, or the model does not
            support it.
    """
    paths = [_check_png(path)]
    real = RealExamples(data, "train", 256, model.spec)
    if real.class_counts is None or not real.spec.matches(model.spec):
        described = [spec.describe() for spec in (model.spec, real.spec)]
        raise UserError(
            f"`data` must hold {real.spec.unit[1]} with classes, of the model's kind: {described[0]}. Received: {described[1]}, "
            + ("without classes" if real.class_counts is None else "with classes")
        )
    held, labels = [], []
    for batch, batch_labels in real.batches():
        held.append(batch)
        labels.append(batch_labels)
        if sum(map(len, held)) >= examples:
            break
    held, labels = np.concatenate(held)[:examples], np.concatenate(labels)[:examples]
    directions = find_label_directions(model, held, labels, method)
    reach = directions.strengths if reach is None else reach
    latents = encode_examples(model, held[:images])
    save_png(direction_grid(model, directions, latents, reach=reach, steps=steps), paths[0])
    return [*paths, *_save_directions(directions, save_path)]


def _save_directions(directions, path):
    if path is None:
        return []
    path = local_path(path).with_suffix(".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    directions.save(path)
    return [path]


def write_projection(model, image_path, path, **search):
    """Projects an image, and writes it next to the result as PNG, and the styles as `.npz`.

    Args:
        model: A model with a W space.
        image_path: String or path of an image file, which is center-cropped and resized to the model's shape.
        path: String or path of the `.png` file to write.
        **search: The arguments of `project`.

    Returns:
        Tuple of the path of the `.png` file, the path of the `.npz` file (with `ws`, `distance`, `losses`, and
        `noise_0`, `noise_1`, ... if noise maps were optimized), and the `Projection`.

    Raises:
        UserError: If the model has no W space, the image cannot be read, or an argument is out of range.
        MissingExtraError: If the package with the weights of LPIPS is not installed.
    """
    path = _check_png(path)
    space = StyleSpace(model)
    image = read_image(image_path, space.image_shape)
    projection = project(space, image, **search)
    save_png(make_grid(np.stack([image, projection.image]), columns=2), path)
    styles_path = path.with_suffix(".npz")
    noise = {f"noise_{index}": one for index, one in enumerate(projection.noise or [])}
    with replaced_whole(styles_path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ws=projection.ws, distance=projection.distance, losses=projection.losses, **noise)
    return path, styles_path, projection


def write_encoding(model, image_path, path, label=None):
    """Encodes an image, and writes it next to what the model makes of its latents as PNG, and the latents as `.npz`.

    Args:
        model: A model of images that encodes.
        image_path: String or path of an image file, which is center-cropped and resized to the model's shape.
        path: String or path of the `.png` file to write.
        label: Integer or name of a class, for a conditional model.

    Returns:
        Tuple of the path of the `.png` file, the path of the `.npz` file (with `latents` and `squared_error`), and the
        `Encoded`.

    Raises:
        UserError: If the model does not encode images, the image cannot be read, or the label does not fit.
    """
    path = _check_png(path)
    image = read_image(image_path, model.image_shape, model.spec.levels)
    encoded = encode_example(model, image, label)
    save_png(make_grid(np.stack([model.spec.draw(one) for one in (image, encoded.example)]), columns=2), path)
    latents_path = path.with_suffix(".npz")
    with replaced_whole(latents_path) as temporary, open(temporary, "wb") as file:
        np.savez(file, latents=encoded.latents, squared_error=encoded.squared_error)
    return path, latents_path, encoded


def read_image(path, image_shape, levels=256):
    """Reads an image, center-crops it, and resizes it, with the decoder and the filter of `prepare_dataset`.

    Args:
        path: String or path of a JPEG, PNG, WebP, GIF or BMP file.
        image_shape: Tuple `(height, width, channels)` with 1, 3, or 4 channels.
        levels: Integer in [2, 256]. Whole levels of a value.

    Returns:
        uint8 array of shape `image_shape`, from 0 to `levels - 1`.

    Raises:
        UserError: If the file does not exist, or is not an image.
    """
    if not Path(path).is_file():
        raise UserError(f"`path` must be an image file. There is no such file. Received: path={str(path)!r}")
    try:
        image = decode_image(Path(path).read_bytes())
    except ExampleRefused as refusal:
        raise UserError(
            f"`path` must be an image file, but it cannot be read as an image. Received: path={str(path)!r}. {refusal}"
        ) from refusal
    height, width, _ = image_shape
    # Cut before it is resized: what lies outside is no part of what is searched for.
    cut = min(image.width / width, image.height / height)
    cut_width, cut_height = round(width * cut), round(height * cut)
    left, top = (image.width - cut_width) // 2, (image.height - cut_height) // 2
    return ImageFormat(*image_shape, levels=levels).prepare(image.crop((left, top, left + cut_width, top + cut_height)))


def _check_png(path):
    path = local_path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"`path` must be a file NAME.png. Received: path={str(path)!r}")
    return path
