"""The levels of ProGAN's networks: their number, their widths, and the selection of one of them."""

import functools
import numbers

import tensorflow as tf


def coarsest_level(image_shape):
    """Returns how many times the images can be halved until they are 4x4.

    Raises:
        ValueError: If the image is not square, or its size is not 4 times a power of two.

    Example:

    >>> coarsest_level((1024, 1024, 3))
    8
    """
    height, width, channels = image_shape
    level = (height // 4).bit_length() - 1
    if height != width or level < 0 or 4 << level != height or channels < 1:
        raise ValueError(
            "`image_shape` must be (size, size, channels) with size one of 4, 8, 16, 32, ..., 1024. "
            f"Received: image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` to resize a dataset."
        )
    return level


def level_channels(size, channel_base, max_channels):
    """Returns the number of feature channels at `size` x `size` pixels.

    Reference: Karras et al., "Progressive Growing of GANs" (2018), table 2.

    Example:

    >>> [level_channels(size, 8192, 512) for size in (4, 32, 64, 1024)]
    [512, 512, 256, 16]
    """
    return max(1, min(2 * channel_base // size, max_channels))


def check_level(level, fade, coarsest):
    """Raises `ValueError` for a level that does not exist, or for a fade to a coarser level that does not exist."""
    if not (isinstance(level, numbers.Integral) and 0 <= level <= coarsest):
        raise ValueError(f"`level` must be an integer from 0 to {coarsest}. Received: level={level!r}")
    if isinstance(fade, numbers.Real):
        if not 0 <= fade <= 1:
            raise ValueError(f"`fade` must be in [0, 1]. Received: fade={fade}")
        if fade == 0:
            return
    if level == coarsest:
        raise ValueError(f"`fade` must be 0 at level {coarsest}, which has no coarser level. Received: fade={fade}")


def at_level_of_detail(level_of_detail, coarsest, compute):
    """Splits a level of detail into its level and its fade, and calls a function with them.

    Args:
        level_of_detail: Float from 0, the full size, to `coarsest`; or a scalar tensor or variable, which is clipped to
            this range. With a tensor, all levels are in the graph, and the selected one is run.
        coarsest: Integer. The 4x4 level.
        compute: Callable that takes `level`, an integer, and `fade` in [0, 1), the share of the next coarser level: a
            float or a scalar tensor, like `level_of_detail`.

    Returns:
        What `compute` returns.
    """
    if isinstance(level_of_detail, numbers.Real):
        if not 0 <= level_of_detail <= coarsest:
            raise ValueError(
                f"`level_of_detail` must be from 0 (the full size) to {coarsest} (4x4). "
                f"Received: level_of_detail={level_of_detail}"
            )
        level = int(level_of_detail)
        return compute(level, float(level_of_detail) - level)
    level_of_detail = tf.clip_by_value(tf.cast(level_of_detail, tf.float32), 0.0, float(coarsest))
    level = tf.floor(level_of_detail)
    branches = [functools.partial(compute, index, level_of_detail - level) for index in range(coarsest)]
    branches.append(functools.partial(compute, coarsest, 0.0))
    return tf.switch_case(tf.cast(level, tf.int32), branches)
