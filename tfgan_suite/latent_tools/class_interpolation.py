"""Interpolation between classes, with fixed latents or together with the latents."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.abilities import HasLatents, MixesClasses, require
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space, labels_in_turn, num_given

_BATCH_SIZE = 16


def interpolate_classes(
    model, labels, steps, *, rows=1, move_latents=False, closed=False, seed=0, batch_size=_BATCH_SIZE, **sampling
):
    """Generates images that interpolate from one class to the next, with a different latent for each row.

    Classes are interpolated where the model represents them continuously: in BigGAN's shared class embedding; in the W
    space of a StyleGAN2, linearly between the styles to which the mapping network maps the latent with each class; as
    mixtures of one-hot vectors for DCGAN and ProGAN. With fixed latents, the images at the classes themselves are those
    of `model.generate(rows, labels=label, seed=seed)`.

    Args:
        model: A conditional `GenerativeModel`. Exported models are not supported, because they only accept integer
            classes.
        labels: List of at least 2 integers or names of classes, `None`, or `"all"`. Classes to pass through. `None` and `"all"` select all
            classes.
        steps: Integer >= 2. Number of images from one class to the next, including both ends.
        rows: Integer >= 1. Number of rows.
        move_latents: Boolean. Whether to use a new latent at every class, instead of one per row. Normal latents move
            along great circles.
        closed: Boolean. Whether to return to the first class. The path then ends one image before it.
        seed: Integer. Seed for the latents.
        batch_size: Integer. Number of images to generate at a time. Bounds memory, and affects nothing else.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        uint8 array `[rows, count, height, width, channels]` with `count = (len(labels) - 1) * (steps - 1) + 1`, or
        `count = len(labels) * (steps - 1)` if `closed` is true.

    Raises:
        UserError: If there are too few classes or steps, or the model has no classes, or cannot interpolate between
            them.

    Example:

    >>> gan = DCGAN((8, 8, 1), num_classes=3, base_channels=4)
    >>> interpolate_classes(gan, [0, 2], steps=5, rows=2).shape
    (2, 5, 8, 8, 1)

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix,
    "Interpolations".
    """
    require(model, HasLatents, "A path from class to class")
    sampling = resolve_sampling(model, sampling)
    if model.num_classes is None:
        raise UserError("`model` must be conditional to interpolate between classes. This model has no classes.")
    count = num_given(model, labels)
    if count < 2 or steps < 2 or rows < 1:
        raise UserError(
            "`labels` must have at least 2 classes, `steps` must be >= 2, and `rows` must be >= 1. Received: "
            f"{count} classes, steps={steps}, rows={rows}"
        )
    labels = labels_in_turn(model, labels, count)
    num_latents = count * rows if move_latents else rows
    latents = np.asarray(model.sample_latents(num_latents, fold(seed, "generate", "latents"), **sampling))
    latents = np.broadcast_to(latents.reshape([-1, rows, latents.shape[-1]]), [count, rows, latents.shape[-1]])
    if has_style_space(model):
        space = StyleSpace(model, batch_size)
        ws = space.map(latents.reshape([count * rows, -1]), labels.repeat(rows), **sampling)
        path = _path(ws.reshape([count, rows, *ws.shape[1:]]), interpolate_styles, steps, closed)
        images = space.synthesize(path.reshape([-1, *ws.shape[1:]]))
    else:
        require(model, MixesClasses, "A path from class to class")
        make_images = tf.function(
            lambda latents, vectors: model.spec.to_edge(model.mix_classes(latents, vectors, **sampling)),
            autograph=False,
            reduce_retracing=True,
        )
        latent_path = _path(latents, _latent_interpolation(model.latents_on_a_shell), steps, closed)
        vectors = np.asarray(model.class_vectors(labels))
        vectors = np.broadcast_to(vectors[:, np.newaxis], [count, rows, vectors.shape[-1]])
        vector_path = _path(vectors, _latent_interpolation(spherical=False), steps, closed)
        flat = [path.reshape([-1, path.shape[-1]]) for path in (latent_path, vector_path)]
        images = np.concatenate(
            [
                make_images(*(tf.constant(part[i : i + batch_size]) for part in flat)).numpy()
                for i in range(0, len(flat[0]), batch_size)
            ]
        )
    return images.reshape([-1, rows, *images.shape[1:]]).swapaxes(0, 1)


def _latent_interpolation(spherical):
    return lambda start, end, steps: latent_distributions.interpolate(start, end, steps, spherical)


def _path(points, interpolate, steps, closed):
    """Interpolates between points `[count, rows, ...]`. Returns an array `[frames, rows, ...]`."""
    legs = []
    for index in range(len(points) if closed else len(points) - 1):
        ends = points[index], points[(index + 1) % len(points)]
        legs.append(np.stack([interpolate(start, end, steps)[:-1] for start, end in zip(*ends)], axis=1))
    return np.concatenate(legs if closed else [*legs, points[-1:]])
