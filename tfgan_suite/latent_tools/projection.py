"""Projection: finds the styles from which a generator reproduces a given image."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.foundation.randomness import fold, normal
from tfgan_suite.latent_tools.noise_maps import NoiseMaps, noise_correlation
from tfgan_suite.metrics.lpips import LPIPS
from tfgan_suite.specs.image_range import to_float

SPACES = ("w", "w+")
_NUM_STATISTICS = 10_000
_MAX_DISTANCE_SIZE = 256
_NOISE_SCALE = 0.05
# Fractions of the steps during which the styles are perturbed (at the start), the learning rate falls (at the end), and
# the learning rate rises (at the start).
_SHAKEN_SHARE = 0.75
_FALL_SHARE = 0.25
_RISE_SHARE = 0.05


@dataclasses.dataclass(frozen=True)
class Projection:
    """The result of a projection.

    Attributes:
        ws: Float32 array `[num_ws, w_size]`. The styles, for `StyleSpace.synthesize(projection.ws[None])`.
        image: uint8 array `[height, width, channels]`. The image generated from `ws`.
        distance: Float. LPIPS between `image` and the target.
        losses: Float32 array `[steps]`. The loss at each step. Early losses are those of perturbed styles.
        noise: List of float32 arrays `[height, width]`, or `None`. The noise map found for each convolution. `None` if
            the noise maps were not optimized; otherwise, `image` is
            `generator.synthesize(ws[None], noise=[one[None, ..., None] for one in noise])`.
    """

    ws: np.ndarray
    image: np.ndarray
    distance: float
    losses: np.ndarray
    noise: list | None = None


def project(
    space,
    image,
    in_space="w",
    *,
    steps=1000,
    learning_rate=0.1,
    pixel_weight=0.0,
    noise_weight=None,
    label=None,
    seed=0,
    num_statistics=_NUM_STATISTICS,
    distance=None,
    progress=True,
):
    """Finds the styles of an image by gradient descent on the perceptual distance to it.

    The optimization starts at the mean style. To escape local minima, the styles are perturbed with noise, whose
    strength falls to zero over the first three quarters of the steps. Images larger than 256 pixels are compared at a
    half, a third, ... of their size, such that at most 256 pixels remain.

    In W, all layers share one style: the result resembles the generator's own images and can be edited well. In W+,
    each layer has its own style: the result is closer to the target, but further from what the generator has learned.

    Args:
        space: A `StyleSpace`.
        image: uint8 array `[height, width, channels]` of the generator's shape.
        in_space: String, `"w"` or `"w+"`.
        steps: Integer >= 1. Number of steps of gradient descent.
        learning_rate: Float > 0. Maximum learning rate of Adam.
        pixel_weight: Float >= 0. Weight of the mean squared difference between pixel values in [-1, 1], which is added
            to the perceptual distance.
        noise_weight: Float >= 0 or `None`. If a number, the noise maps are optimized too, and this is the weight of the
            regularization that keeps them noise (1e5 in the paper). `None` uses the generator's own noise maps.
        label: Integer or `None`. Class for a conditional generator. `None` starts at the mean over all classes.
        seed: Integer. Seed for the statistics, the perturbations, and the initial noise maps.
        num_statistics: Integer. Number of latents from which the mean and the spread of the styles are computed.
        distance: An `LPIPS` or a similar metric. Pass it to load the metric only once for many projections.
        progress: Boolean. Whether to show the progress on standard error.

    Returns:
        A `Projection`.

    Raises:
        UserError: If the image does not have the generator's shape, the space is unknown, or `noise_weight` is given
            for a generator without noise.
        MissingExtraError: If the package with the weights of LPIPS is not installed.

    Example:

    >>> space = StyleSpace(load_model("runs/avatars"))
    >>> found = project(space, space.synthesize(space.sample(1, seed=7))[0], steps=500)

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), appendix D. W+: Abdal et
    al., "Image2StyleGAN" (2019), section 3.
    """
    image = np.asarray(image)
    if image.shape != space.image_shape or image.dtype != np.uint8:
        raise UserError(
            f"`image` must be uint8 with the generator's shape {space.image_shape}. Received: shape={image.shape}, "
            f"dtype={image.dtype}"
        )
    if in_space not in SPACES:
        raise unknown_name("space", in_space, SPACES)
    if steps < 1:
        raise UserError(f"`steps` must be >= 1. Received: steps={steps}")
    if noise_weight is not None and not space.generator.noise_shapes:
        raise UserError(
            "`noise_weight` must be `None`, because this generator has no noise inputs. Received: "
            f"noise_weight={noise_weight}"
        )
    distance = distance or LPIPS()
    mean, spread = style_statistics(space, num_statistics, seed, label)
    num_styles = 1 if in_space == "w" else space.num_ws
    styles = keras.Variable(np.tile(mean, [num_styles, 1]), name="styles")  # [1 or num_ws, w_size]
    optimizer = keras.optimizers.Adam(learning_rate)
    noise_maps = None if noise_weight is None else NoiseMaps(space.generator, seed)
    optimizer.build([styles, *(noise_maps.variables if noise_maps else [])])
    descend = _make_step(space, image, styles, noise_maps, optimizer, distance, pixel_weight, noise_weight)

    losses = []
    bar = ProgressLine("projecting", steps, progress, unit="steps")
    for step in range(steps):
        share = step / steps
        optimizer.learning_rate = learning_rate * rate_factor(share)
        shaking = _NOISE_SCALE * spread * max(0.0, 1.0 - share / _SHAKEN_SHARE) ** 2
        shake = shaking * normal([num_styles, space.w_size], fold(seed, "project", step))
        losses.append(descend(shake))
        bar.advance(1)
    bar.close()

    ws = np.broadcast_to(styles.numpy(), [space.num_ws, space.w_size]).copy()
    found = space.synthesize(ws[np.newaxis], noise_maps.tensors() if noise_maps else "const")[0]
    return Projection(
        ws,
        found,
        float(distance(found[np.newaxis, ..., :3], image[np.newaxis, ..., :3])[0]),
        np.array([loss.numpy() for loss in losses], np.float32),
        [noise.numpy()[0, :, :, 0] for noise in noise_maps.tensors()] if noise_maps else None,
    )


def rate_factor(share):
    """Returns the learning rate relative to the maximum one: a linear rise at first, and a cosine decay at the end.

    Args:
        share: Float in [0, 1]. Fraction of the steps completed.
    """
    fall = min(1.0, (1.0 - share) / _FALL_SHARE)
    return (0.5 - 0.5 * math.cos(math.pi * fall)) * min(1.0, share / _RISE_SHARE)


def style_statistics(space, num_samples=_NUM_STATISTICS, seed=0, label=None):
    """Computes the mean and the spread of the styles of random latents.

    Args:
        space: A `StyleSpace`.
        num_samples: Integer. Number of latents.
        seed: Integer. Seed for the latents, and for the labels if `label` is `None`.
        label: Integer or `None`. Class for a conditional generator. `None` samples the labels.

    Returns:
        Tuple of the mean, a float32 array `[w_size]`, and the root mean squared distance from it, a float.
    """
    labels = space.check_labels(label, num_samples, seed)
    ws = space.map(space.sample_latents(num_samples, seed), labels)[:, 0].astype(np.float64)  # [num_samples, w_size]
    mean = ws.mean(axis=0)
    return mean.astype(np.float32), float(np.sqrt(np.square(ws - mean).sum(axis=1).mean()))


def _make_step(space, image, styles, noise_maps, optimizer, distance, pixel_weight, noise_weight):
    """Returns a compiled step, from the perturbation float32 `[num_styles, w_size]` to the loss before the update."""
    target = to_float(tf.constant(image[np.newaxis]))
    target_embedding = distance.embed(_shrink(target[..., :3]))

    variables = [styles, *(noise_maps.variables if noise_maps else [])]

    @tf.function(autograph=False)  # Nothing branches on tensors.
    def descend(shake):
        with tf.GradientTape() as tape:
            ws = tf.broadcast_to(styles + shake, [1, space.num_ws, space.w_size])
            noise = noise_maps.tensors() if noise_maps else "const"
            images = tf.cast(space.generator.synthesize(ws, noise=noise), tf.float32)
            embedding = distance.embed(_shrink(images[..., :3]))
            loss = tf.reduce_sum(tf.math.squared_difference(embedding, target_embedding))
            if pixel_weight:
                loss += pixel_weight * tf.reduce_mean(tf.math.squared_difference(images, target))
            if noise_maps:
                loss += noise_weight * tf.add_n([noise_correlation(one) for one in noise])
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        if noise_maps:
            noise_maps.normalize()
        return loss

    return descend


def _shrink(images):
    """Averages images over blocks, such that no side is longer than 256 pixels."""
    factor = math.ceil(max(images.shape[1:3]) / _MAX_DISTANCE_SIZE)
    return images if factor == 1 else tf.nn.avg_pool2d(images, factor, factor, "SAME")
