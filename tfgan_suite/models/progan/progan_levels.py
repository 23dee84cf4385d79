"""What both of ProGAN's networks know of levels: how many there are, how wide, and which one is asked for."""

import functools
import numbers

import tensorflow as tf


def coarsest_level(image_shape):
    """How often the images can be halved until they are 4x4.

    Raises:
        ValueError: The image is not square, or its size is not 4 times a power of two.

    Example:

    >>> coarsest_level((1024, 1024, 3))
    8
    """
    height, width, channels = image_shape
    level = (height // 4).bit_length() - 1
    if height != width or level < 0 or 4 << level != height or channels < 1:
        raise ValueError(
            "Expected image_shape (size, size, channels) with size one of 4, 8, 16, 32, ... 1024. "
            f"Received: image_shape={tuple(image_shape)}. `tfgan-suite prepare --image-size` resizes a data set."
        )
    return level


def level_channels(size, channel_base, max_channels):
    """Channels of the features at `size` x `size` pixels.

    Reference: Karras et al., "Progressive Growing of GANs" (2018), table 2.

    Example:

    >>> [level_channels(size, 8192, 512) for size in (4, 32, 64, 1024)]
    [512, 512, 256, 16]
    """
    return max(1, min(2 * channel_base // size, max_channels))


def check_level(level, fade, coarsest):
    """Raises `ValueError` for a level that is not there, or for a fade with a coarser level that is not there."""
    if not (isinstance(level, numbers.Integral) and 0 <= level <= coarsest):
        raise ValueError(f"Expected level to be a whole number from 0 to {coarsest}. Received: level={level!r}")
    if isinstance(fade, numbers.Real):
        if not 0 <= fade <= 1:
            raise ValueError(f"Expected fade in [0, 1]. Received: fade={fade}")
        if fade == 0:
            return
    if level == coarsest:
        raise ValueError(f"Expected fade=0 at level {coarsest}: there is no coarser one. Received: fade={fade}")


def at_level_of_detail(level_of_detail, coarsest, compute):
    """Splits a level of detail into its level and its fade.

    Args:
        level_of_detail: From 0, the full size, to `coarsest`. A number, or a scalar tensor or variable, which is
            clipped to that range; then all levels are in the graph, and the one asked for is run.
        coarsest: The 4x4 level.
        compute: Function of `level`, an int, and `fade`, in [0, 1), the share of the next coarser level: a number or a
            scalar tensor as `level_of_detail` is.

    Returns:
        What `compute` returns.
    """
    if isinstance(level_of_detail, numbers.Real):
        if not 0 <= level_of_detail <= coarsest:
            raise ValueError(
                f"Expected level_of_detail from 0 (the full size) to {coarsest} (4x4). "
                f"Received: level_of_detail={level_of_detail}"
            )
        level = int(level_of_detail)
        return compute(level, float(level_of_detail) - level)
    level_of_detail = tf.clip_by_value(tf.cast(level_of_detail, tf.float32), 0.0, float(coarsest))
    level = tf.floor(level_of_detail)
    branches = [functools.partial(compute, index, level_of_detail - level) for index in range(coarsest)]
    branches.append(functools.partial(compute, coarsest, 0.0))
    return tf.switch_case(tf.cast(level, tf.int32), branches)
