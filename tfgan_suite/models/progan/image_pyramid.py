"""Images at the sizes of ProGAN's levels: enlarged by repetition, reduced by averages, their finest detail faded."""

import tensorflow as tf

from tfgan_suite.layers.box_resampling import average_pixels, repeat_pixels


def enlarge(images, factor=2):
    """Repeats every pixel along both axes, `factor` times.

    Args:
        images: `[batch, height, width, channels]`.
        factor: A power of two.

    Returns:
        `[batch, factor * height, factor * width, channels]`.

    Example:

    >>> enlarge(tf.constant([[[[1.0], [2.0]]]]))[0, :, :, 0].numpy().tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """
    for _ in range(_num_doublings(factor)):
        images = repeat_pixels(images)
    return images


def reduce(images, factor=2):
    """Averages squares of `factor` x `factor` pixels.

    Args:
        images: `[batch, height, width, channels]`, height and width multiples of `factor`.
        factor: A power of two.

    Returns:
        `[batch, height / factor, width / factor, channels]`.

    Example:

    >>> float(reduce(tf.constant([[[[1.0], [2.0]], [[3.0], [6.0]]]]))[0, 0, 0, 0])
    3.0
    """
    if images.shape[1] % factor or images.shape[2] % factor:
        raise ValueError(
            f"Expected height and width to be multiples of {factor}. Received: {images.shape[1]}x{images.shape[2]}"
        )
    for _ in range(_num_doublings(factor)):
        images = average_pixels(images)
    return images


def _num_doublings(factor):
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"Expected factor to be a power of two. Received: factor={factor}")
    return factor.bit_length() - 1


def fade_detail(images, fade):
    """Blends images with what is left of them at half the size, as the generator's are while a level fades in.

    Args:
        images: float `[batch, height, width, channels]`, height and width even.
        fade: Share of the coarser image, from 0 (nothing changes) to 1; a number or a scalar tensor.

    Returns:
        The same shape.

    Example:

    >>> fade_detail(tf.constant([[[[0.0], [4.0]], [[0.0], [4.0]]]]), 0.5)[0, :, :, 0].numpy().tolist()
    [[1.0, 3.0], [1.0, 3.0]]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 2: "during a resolution transition, we
    interpolate between two resolutions of the real images".
    """
    return blend(images, lambda: enlarge(reduce(images)), fade)


def blend(fine, make_coarse, fade):
    """`(1 - fade) * fine + fade * make_coarse()`; a `fade` of the number 0 does not make the coarse part."""
    if isinstance(fade, (int, float)) and fade == 0:
        return fine
    return fine + (make_coarse() - fine) * tf.cast(fade, fine.dtype)
