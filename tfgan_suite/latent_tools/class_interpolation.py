"""Ways from class to class: of the class alone, or of class and latent together."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space, labels_in_turn
from tfgan_suite.specs.image_range import to_uint8

_BATCH_SIZE = 16


def interpolate_classes(
    model, labels, steps, *, rows=1, move_latents=False, closed=False, truncation=1.0, seed=0, batch_size=_BATCH_SIZE
):
    """Pictures on the way from one class to the next, each row with a latent of its own.

    Between classes is where the model has something between them: BigGAN's shared class embedding; the W space of a
    StyleGAN2, where each leg is straight between the styles that the mapping makes of its two classes; a mixture of
    one-hot vectors for DCGAN and ProGAN. The pictures at the classes themselves are those of
    `model.generate(rows, labels=label, seed=seed)`, as long as the latents stay.

    Args:
        model: A conditional `GenerativeModel`, not an exported one: that takes whole classes only.
        labels: Classes to pass, at least 2 integers; `None` or `"all"` for all.
        steps: Pictures from one class to the next, both included, >= 2.
        rows: How many rows.
        move_latents: Whether every class is met with a new latent, instead of the row's one; normal latents move along
            great circles.
        closed: Whether the way leads back to the first class; then its last picture is the one before that.
        truncation: In [0, 1].
        seed: Of the latents.
        batch_size: Pictures made at a time; bounds memory and changes nothing else.

    Returns:
        uint8 `[rows, count, height, width, channels]` with `count = (len(labels) - 1) * (steps - 1) + 1` pictures, or
        `len(labels) * (steps - 1)` if closed.

    Raises:
        UserError: Too few classes or steps, or a model that has no classes or nothing between them.

    Example:

    >>> gan = DCGAN((8, 8, 1), num_classes=3, base_channels=4)
    >>> interpolate_classes(gan, [0, 2], steps=5, rows=2).shape
    (2, 5, 8, 8, 1)

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix,
    "Interpolations".
    """
    if model.num_classes is None:
        raise UserError("A way from class to class needs a conditional model. This one has no classes.")
    count = model.num_classes if labels is None or isinstance(labels, str) else len(labels)
    if count < 2 or steps < 2 or rows < 1:
        raise UserError(
            f"Expected at least 2 classes, 2 steps and 1 row. Received: {count} classes, {steps} steps, {rows} rows"
        )
    labels = labels_in_turn(model, labels, count)
    num_latents = count * rows if move_latents else rows
    latents = np.asarray(model.sample_latents(num_latents, fold(seed, "generate", "latents"), truncation))
    latents = np.broadcast_to(latents.reshape([-1, rows, latents.shape[-1]]), [count, rows, latents.shape[-1]])
    if has_style_space(model):
        space = StyleSpace(model, batch_size)
        ws = space.map(latents.reshape([count * rows, -1]), labels.repeat(rows), truncation)
        path = _path(ws.reshape([count, rows, *ws.shape[1:]]), interpolate_styles, steps, closed)
        images = space.synthesize(path.reshape([-1, *ws.shape[1:]]))
    else:
        embed, make_images = _class_vectors_of(model, truncation)
        spherical = getattr(getattr(model, "latent_distribution", None), "on_a_shell", False)
        latent_path = _path(latents, _latent_way(spherical), steps, closed)
        vectors = np.broadcast_to(np.asarray(embed(labels))[:, np.newaxis], [count, rows, embed(labels).shape[-1]])
        vector_path = _path(vectors, _latent_way(spherical=False), steps, closed)
        flat = [path.reshape([-1, path.shape[-1]]) for path in (latent_path, vector_path)]
        images = np.concatenate(
            [
                make_images(*(tf.constant(part[i : i + batch_size]) for part in flat)).numpy()
                for i in range(0, len(flat[0]), batch_size)
            ]
        )
    return images.reshape([-1, rows, *images.shape[1:]]).swapaxes(0, 1)


def _latent_way(spherical):
    return lambda start, end, steps: latent_distributions.interpolate(start, end, steps, spherical)


def _path(points, way, steps, closed):
    """Points `[count, rows, ...]` and what lies between them, `[frames, rows, ...]`."""
    legs = []
    for index in range(len(points) if closed else len(points) - 1):
        ends = points[index], points[(index + 1) % len(points)]
        legs.append(np.stack([way(start, end, steps)[:-1] for start, end in zip(*ends)], axis=1))
    return np.concatenate(legs if closed else [*legs, points[-1:]])


def _class_vectors_of(model, truncation):
    """A function from labels to vectors, and one from latents and vectors to uint8 images."""
    generator = getattr(model, "ema_generator", None)
    if hasattr(generator, "embed"):
        embed = generator.embed

        def make_images(latents, vectors):
            return to_uint8(generator.synthesize(latents, vectors))

    elif getattr(generator, "takes_class_vectors", False):

        def embed(labels):
            return np.eye(model.num_classes, dtype=np.float32)[labels]

        def make_images(latents, vectors):
            return to_uint8(model(latents, vectors, training=False, truncation=truncation))

    else:
        raise UserError(
            f"{type(model).__name__} takes whole classes only: there is nothing between them. Expected a BigGAN, "
            "StyleGAN2, ProGAN or DCGAN with classes, as a run or a .keras file."
        )
    return embed, tf.function(make_images, autograph=False, reduce_retracing=True)
