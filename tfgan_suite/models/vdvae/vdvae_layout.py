"""The layout of VDVAE's networks: strings such as `"32x3,32d2,16x3"`, and what they stand for."""

import re
from typing import NamedTuple

from tfgan_suite.foundation.errors import UserError


class EncoderBlock(NamedTuple):
    """One block of the encoder: at `resolution`, followed by average pooling by `pool`, 1 for none."""

    resolution: int
    pool: int


class DecoderBlock(NamedTuple):
    """One block of the decoder: at `resolution`, its input joined by the state of resolution `mixed_in`, or `None`."""

    resolution: int
    mixed_in: int | None


def encoder_layout(text):
    """The blocks of an encoder, a tuple of `EncoderBlock`.

    Args:
        text: String of parts between commas: `RxN` is N blocks at resolution R, `RdK` one block and average pooling by K.

    Raises:
        UserError: A part is neither.

    Example:

    >>> [tuple(block) for block in encoder_layout("8x1,8d2,4x1")]
    [(8, 1), (8, 2), (4, 1)]
    """
    blocks = []
    for part in text.split(","):
        resolution, kind, number = _parse(part, "xd", "encoder", "16x2 (two blocks at 16x16) or 16d2 (pooling by 2)")
        blocks += [EncoderBlock(resolution, 1)] * number if kind == "x" else [EncoderBlock(resolution, number)]
    return tuple(blocks)


def decoder_layout(text):
    """The blocks of a decoder, a tuple of `DecoderBlock`.

    Args:
        text: String of parts between commas: `RxN` is N blocks at resolution R, `RmS` one block at R whose input gains the
            enlarged state of resolution S.

    Raises:
        UserError: A part is neither, or a state is mixed in that there is not.

    Example:

    >>> [tuple(block) for block in decoder_layout("1x1,4m1,4x1")]
    [(1, None), (4, 1), (4, None)]
    """
    blocks, seen = [], set()
    for part in text.split(","):
        resolution, kind, number = _parse(part, "xm", "decoder", "16x2 (two blocks at 16x16) or 16m8 (from 8x8)")
        if kind == "m" and (number not in seen or resolution % number):
            raise UserError(
                f"`decoder` must mix in resolutions that come before and divide the block's. Received: {part.strip()!r}"
            )
        blocks += [DecoderBlock(resolution, None)] * number if kind == "x" else [DecoderBlock(resolution, number)]
        seen.add(resolution)
    return tuple(blocks)


def check_layouts(encoder, decoder, size):
    """Refuses an encoder and a decoder that do not fit each other, or images of `size` pixels.

    Raises:
        UserError: They do not.
    """
    reached = {encoder[0].resolution}
    current = encoder[0].resolution
    for block in encoder:
        if block.resolution != current or current % block.pool:
            raise UserError(
                f"`encoder` must go on at the resolution that it has reached, {current}. Received: a block at "
                f"{block.resolution} with pooling by {block.pool}"
            )
        current //= block.pool
        reached.add(current)
    missing = sorted({block.resolution for block in decoder} - reached)
    if missing:
        raise UserError(f"`decoder` must have resolutions of the encoder only. Received: {missing}")
    if encoder[0].resolution != size or decoder[-1].resolution != size:
        raise UserError(
            f"`encoder` must begin and `decoder` end at the size of the images, {size}. Received: "
            f"{encoder[0].resolution} and {decoder[-1].resolution}"
        )


def _parse(part, kinds, name, example):
    match = re.fullmatch(rf"\s*(\d+)([{kinds}])(\d+)\s*", part)
    if match is None or int(match[1]) < 1 or int(match[3]) < 1:
        raise UserError(f"`{name}` must be of parts such as {example}. Received: {part!r}")
    return int(match[1]), match[2], int(match[3])
