"""Animations: seamless loops through the latent space."""

import numpy as np
import tensorflow as tf

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.abilities import HasLatents, require
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space, labels_in_turn


def closed_path(points, steps_per_point, keep_length=False):
    """Computes a smooth closed path through points.

    The path is a Catmull-Rom spline. It passes through every point, and its velocity is continuous, including at the
    seam.

    Args:
        points: Float array `[count, ...]`, with at least 2 points.
        steps_per_point: Integer >= 1. Number of steps from one point to the next.
        keep_length: Boolean. Whether to scale every step to a length between those of its two points. Use it for normal
            latents, whose mass lies on a shell.

    Returns:
        Float32 array `[count * steps_per_point, ...]`. The last step leads back to the first one.

    Raises:
        UserError: If there are fewer than two points, or no steps.

    Example: Four points around the origin yield a circular path.

    >>> path = closed_path([[1, 0], [0, 1], [-1, 0], [0, -1]], 2, keep_length=True)
    >>> np.round(path[:3].astype(float), 2).tolist()
    [[1.0, 0.0], [0.71, 0.71], [0.0, 1.0]]
    """
    points = np.asarray(points, np.float64)
    if len(points) < 2 or steps_per_point < 1:
        raise UserError(
            "`points` must have at least 2 points, and `steps_per_point` must be >= 1. Received: "
            f"{len(points)} points, steps_per_point={steps_per_point}"
        )
    before, after, later = (np.roll(points, shift, axis=0) for shift in (1, -1, -2))
    path = []
    for t in np.arange(steps_per_point) / steps_per_point:
        step = 0.5 * (
            2.0 * points
            + (after - before) * t
            + (2.0 * before - 5.0 * points + 4.0 * after - later) * t**2
            + (3.0 * points - before - 3.0 * after + later) * t**3
        )
        if keep_length:
            length = (1.0 - t) * _lengths(points) + t * _lengths(after)
            step *= length / np.maximum(_lengths(step), 1e-12)
        path.append(step)
    path = np.stack(path, axis=1)  # [count, steps_per_point, ...]
    return path.reshape([-1, *points.shape[1:]]).astype(np.float32)


def _lengths(points):
    return np.linalg.norm(points, axis=-1, keepdims=True)


def loop_frames(
    model, *, num_points=6, steps_per_point=30, rows=1, columns=1, labels=None, seed=0, in_w=None, **sampling
):
    """Generates the frames of a loop, in which each image of a grid moves through random points and back.

    Args:
        model: A `GenerativeModel`.
        num_points: Integer >= 2. Number of points that each image passes through.
        steps_per_point: Integer >= 1. Number of frames from one point to the next.
        rows: Integer. Number of rows in the grid.
        columns: Integer. Number of columns in the grid.
        labels: List of integers, `None`, or `"all"`. Classes of the images, repeated as needed. `None` and `"all"`
            select all classes. For an unconditional model, it must be `None`.
        seed: Integer. Seed for the points.
        in_w: Boolean or `None`. Whether to move in W instead of in the latent space. Defaults to true if the model has
            a W space.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        uint8 array `[num_points * steps_per_point, height, width, channels]`.

    Raises:
        UserError: If there are too few points, the labels do not match the model, or the model has no W space.

    Example:

    >>> frames = loop_frames(DCGAN((8, 8, 1), base_channels=4), num_points=2, steps_per_point=3, columns=2)
    >>> frames.shape
    (6, 8, 18, 1)
    """
    require(model, HasLatents, "An animation")
    sampling = resolve_sampling(model, sampling)
    if in_w is None:
        in_w = has_style_space(model)
    pictures = rows * columns
    labels = labels_in_turn(model, labels, pictures)
    make_path = _path_in_w if in_w else _path_among_latents
    make_images = make_path(model, pictures, num_points, steps_per_point, labels, sampling, seed)
    return np.stack([make_grid(make_images(frame), columns) for frame in range(num_points * steps_per_point)])


def _path_in_w(model, pictures, num_points, steps_per_point, labels, sampling, seed):
    """Returns a function from a frame's index to uint8 images `[pictures, height, width, channels]`."""
    space = StyleSpace(model)
    repeated = None if labels is None else np.tile(labels, num_points)
    ws = space.sample(num_points * pictures, seed, repeated, **sampling)
    path = closed_path(ws.reshape([num_points, pictures, *ws.shape[1:]]), steps_per_point)
    return lambda frame: space.synthesize(path[frame])


def _path_among_latents(model, pictures, num_points, steps_per_point, labels, sampling, seed):
    points = np.asarray(model.sample_latents(num_points * pictures, fold(seed, "generate", "latents"), **sampling))
    path = closed_path(
        points.reshape([num_points, pictures, *points.shape[1:]]), steps_per_point, model.latents_on_a_shell
    )
    if not model.latents_on_a_shell:
        path = np.clip(path, points.min(), points.max())  # The spline overshoots slightly near the points.
    make_images = tf.function(
        lambda latents: model.spec.to_edge(model(latents, labels, training=False, **sampling)), autograph=False
    )
    return lambda frame: np.stack([model.spec.draw(example) for example in make_images(path[frame]).numpy()])
