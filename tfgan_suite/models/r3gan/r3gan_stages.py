"""What the stages of R3GAN's networks are: one for each size from 4x4 to the image's."""

import math
from typing import NamedTuple

import keras


class Stage(NamedTuple):
    """The blocks at one size.

    Attributes:
        size: Integer. Height and width of the features.
        width: Integer. Channels of the features.
        groups: Integer. Groups of the 3x3 convolutions.
        blocks: Integer. Number of blocks.
    """

    size: int
    width: int
    groups: int
    blocks: int


def make_stages(image_shape, widths, groups, blocks, expansion):
    """The stages from 4x4 up, a list of `Stage`.

    Args:
        image_shape: Tuple `(size, size, channels)`.
        widths: Sequence of integers, the channels at 4x4, 8x8, ... up to the image's size; or one for all.
        groups: Likewise the groups of the 3x3 convolutions.
        blocks: Likewise the number of blocks.
        expansion: Integer. How many times as many channels there are within a block.

    Raises:
        ValueError: The image is not square or of no such size, there are not as many numbers as stages, or groups do not
            divide channels.
    """
    height, width, _ = image_shape
    count = int(math.log2(height)) - 1 if height >= 4 else 0
    if height != width or 2 ** (count + 1) != height:
        raise ValueError(
            "`image_shape` must be (size, size, channels) with size a power of two from 4. Received: "
            f"image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` to resize a dataset."
        )
    columns = {
        name: _one_per_stage(name, value, count, height)
        for name, value in {"widths": widths, "groups": groups, "blocks": blocks}.items()
    }
    stages = [Stage(4 * 2**index, *numbers) for index, numbers in enumerate(zip(*columns.values()))]
    for stage in stages:
        if expansion * stage.width % stage.groups:
            raise ValueError(
                f"`groups` must divide the {expansion * stage.width} channels within a block at {stage.size}x{stage.size}, "
                f"`expansion` times its width. Received: groups={stage.groups}, width={stage.width}, expansion={expansion}"
            )
    return stages


def as_config(numbers):
    """An integer as it is, several as a tuple, as they are after a file of JSON too."""
    return numbers if isinstance(numbers, int) else tuple(numbers)


def _one_per_stage(name, value, count, size):
    numbers = [value] * count if isinstance(value, int) else list(value)
    if len(numbers) != count or not all(isinstance(number, int) and number >= 1 for number in numbers):
        raise ValueError(
            f"`{name}` must be an integer >= 1, or {count} of them, for 4x4 to {size}x{size}. Received: {name}={value!r}"
        )
    return numbers


def scaled_normal(fan_in, seed, gain=1.0):
    """The paper's initializer: normal, with deviation `gain / sqrt(fan_in)`."""
    return keras.initializers.RandomNormal(stddev=gain / math.sqrt(fan_in), seed=seed)
