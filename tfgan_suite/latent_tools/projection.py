"""Projection: the styles from which a generator makes a given picture."""

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
# Shares of the steps: the styles are shaken during the first, the rate falls during the second, rises in the third.
_SHAKEN_SHARE = 0.75
_FALL_SHARE = 0.25
_RISE_SHARE = 0.05


@dataclasses.dataclass(frozen=True)
class Projection:
    """What a projection found.

    Attributes:
        ws: float32 `[num_ws, w_size]`, for `StyleSpace.synthesize(projection.ws[None])`.
        image: uint8 `[height, width, channels]`, made of `ws`.
        distance: LPIPS between `image` and the target.
        losses: float32 `[steps]`, what was minimised; the early ones are those of shaken styles.
        noise: For each convolution the noise map that was found, float32 `[height, width]`; `None` if they were left as
            they are. `image` is `generator.synthesize(ws[None], noise=[one[None, ..., None] for one in noise])` then.
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
    """Searches for the styles of an image, by gradient descent on the perceptual distance to it.

    The search starts at the mean style. At first the styles are shaken, with a strength that falls to zero over three
    quarters of the steps, so that it does not stop in the next hollow. Images larger than 256 pixels are compared at a
    quarter, a half ... of their size, so that at most 256 remain.

    In W all layers share one style: the result looks like the generator's own pictures, and edits of it stay good. In W+ each
    layer has its own: nearer to the target, and further from what the generator knows.

    Args:
        space: A `StyleSpace`.
        image: uint8 `[height, width, channels]`, of the generator's shape.
        in_space: `"w"` or `"w+"`.
        steps: Of gradient descent.
        learning_rate: The largest, of Adam.
        pixel_weight: Weight of the mean squared difference of pixel values in [-1, 1], beside the perceptual distance.
        noise_weight: With a number, the noise maps are searched for as well, and this is the weight of what keeps them
            noise: 1e5 in the paper. `None` leaves the generator's own.
        label: Class, for a conditional generator; `None` takes the mean over all classes as the start.
        seed: Of the statistics, the shaking and the first noise maps.
        num_statistics: Latents from which mean and spread of the styles are taken.
        distance: A metric like `LPIPS()`, to load it once for many projections.
        progress: Whether to show how far it is, on standard error.

    Returns:
        A `Projection`.

    Raises:
        UserError: The image does not have the generator's shape, there is no such space, or there is no noise.
        MissingExtraError: The package with the weights of LPIPS is not installed.

    Example:

    >>> space = StyleSpace(load_model("runs/avatars"))
    >>> found = project(space, space.synthesize(space.sample(1, seed=7))[0], steps=500)

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), appendix D. W+: Abdal et al., "Image2StyleGAN" (2019), section 3.
    """
    image = np.asarray(image)
    if image.shape != space.image_shape or image.dtype != np.uint8:
        raise UserError(
            f"Expected a uint8 image of shape {space.image_shape}, the generator's. Received: shape={image.shape}, "
            f"dtype={image.dtype}"
        )
    if in_space not in SPACES:
        raise unknown_name("space", in_space, SPACES)
    if steps < 1:
        raise UserError(f"Expected steps >= 1. Received: {steps}")
    if noise_weight is not None and not space.generator.noise_shapes:
        raise UserError("Expected noise_weight=None, as this generator has no noise inputs. Received: a weight.")
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
    """The learning rate at a share of the steps, as part of the largest one: a linear rise, at last a cosine's fall."""
    fall = min(1.0, (1.0 - share) / _FALL_SHARE)
    return (0.5 - 0.5 * math.cos(math.pi * fall)) * min(1.0, share / _RISE_SHARE)


def style_statistics(space, num_samples=_NUM_STATISTICS, seed=0, label=None):
    """Mean and spread of the styles of random latents.

    Args:
        space: A `StyleSpace`.
        num_samples: Latents.
        seed: Of the latents, and of the labels if `label` is `None`.
        label: Class, for a conditional generator.

    Returns:
        The mean, float32 `[w_size]`, and the root of the mean squared distance from it, a float.
    """
    labels = space.check_labels(label, num_samples, seed)
    ws = space.map(space.sample_latents(num_samples, seed), labels)[:, 0].astype(np.float64)  # [num_samples, w_size]
    mean = ws.mean(axis=0)
    return mean.astype(np.float32), float(np.sqrt(np.square(ws - mean).sum(axis=1).mean()))


def _make_step(space, image, styles, noise_maps, optimizer, distance, pixel_weight, noise_weight):
    """A compiled step: takes the shaking float32 `[num_styles, w_size]`, returns the loss before it."""
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
    """Images averaged over blocks until no side is longer than 256 pixels."""
    factor = math.ceil(max(images.shape[1:3]) / _MAX_DISTANCE_SIZE)
    return images if factor == 1 else tf.nn.avg_pool2d(images, factor, factor, "SAME")
