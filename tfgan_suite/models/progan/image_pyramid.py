"""Images at the sizes of ProGAN's levels: upsampled by repetition, downsampled by averaging, with detail faded in."""

import tensorflow as tf

from tfgan_suite.layers.box_resampling import average_pixels, repeat_pixels


def enlarge(images, factor=2):
    """Repeats every pixel `factor` times along both axes.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`.
        factor: Integer, a power of two.

    Returns:
        A tensor of shape `[batch, factor * height, factor * width, channels]`.

    Example:

    >>> enlarge(tf.constant([[[[1.0], [2.0]]]]))[0, :, :, 0].numpy().tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """
    for _ in range(_num_doublings(factor)):
        images = repeat_pixels(images)
    return images


def reduce(images, factor=2):
    """Averages blocks of `factor` x `factor` pixels.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`, with a height and width divisible by `factor`.
        factor: Integer, a power of two.

    Returns:
        A tensor of shape `[batch, height / factor, width / factor, channels]`.

    Example:

    >>> float(reduce(tf.constant([[[[1.0], [2.0]], [[3.0], [6.0]]]]))[0, 0, 0, 0])
    3.0
    """
    if images.shape[1] % factor or images.shape[2] % factor:
        raise ValueError(
            f"The height and width of `images` must be multiples of {factor}. "
            f"Received: {images.shape[1]}x{images.shape[2]}"
        )
    for _ in range(_num_doublings(factor)):
        images = average_pixels(images)
    return images


def _num_doublings(factor):
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"`factor` must be a power of two. Received: factor={factor}")
    return factor.bit_length() - 1


def fade_detail(images, fade):
    """Blends images with their half-size versions, as the generator does while a level fades in.

    Args:
        images: A float tensor of shape `[batch, height, width, channels]`, with an even height and width.
        fade: Float in [0, 1], or a scalar tensor. Share of the coarser image; 0 leaves the images unchanged.

    Returns:
        A tensor with the shape of `images`.

    Example:

    >>> fade_detail(tf.constant([[[[0.0], [4.0]], [[0.0], [4.0]]]]), 0.5)[0, :, :, 0].numpy().tolist()
    [[1.0, 3.0], [1.0, 3.0]]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 2: "during a resolution transition, we
    interpolate between two resolutions of the real images".
    """
    return blend(images, lambda: enlarge(reduce(images)), fade)


def blend(fine, make_coarse, fade):
    """Returns `(1 - fade) * fine + fade * make_coarse()`; the float 0 as `fade` skips the coarse part."""
    if isinstance(fade, (int, float)) and fade == 0:
        return fine
    return fine + (make_coarse() - fine) * tf.cast(fade, fine.dtype)
