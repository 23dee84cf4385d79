"""The widths of BigGAN's and BigGAN-deep's networks, and where they use attention: the papers' tables, by block."""

import dataclasses

# Channels at the input of the first stage and at the output of each stage, in multiples of the base.
_GENERATOR_MULTIPLIERS = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# BigGAN: at the output of each stage, the first of which sees the image, and the last of which keeps the size.
# BigGAN-deep: at the output of the first convolution, then of each stage.
_DISCRIMINATOR_MULTIPLIERS = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}
RESOLUTIONS = tuple(_GENERATOR_MULTIPLIERS)
VARIANTS = ("biggan", "deep")


@dataclasses.dataclass(frozen=True)
class BlockPlan:
    """One residual block.

    Attributes:
        in_channels: Integer. Number of input channels.
        out_channels: Integer. Number of output channels.
        resample: Boolean. Whether it doubles (generator) or halves (discriminator) the image size.
        attention: Boolean. Whether self-attention follows it.
        stage: Integer. The stage it belongs to, counted from the input; a stage has `depth` blocks in BigGAN-deep, and
            one in BigGAN.
        resolution: Integer. The output size of the stage, which determines where self-attention is placed.
    """

    in_channels: int
    out_channels: int
    resample: bool
    attention: bool
    stage: int
    resolution: int


def check_architecture(image_shape, variant, depth, attention_resolutions):
    """Returns the image size.

    Raises:
        ValueError: If the papers' tables have no such networks.
    """
    size, width, channels = image_shape
    if size != width or size not in RESOLUTIONS or channels not in (1, 3, 4):
        raise ValueError(
            f"`image_shape` must be (size, size, channels) with size one of {', '.join(map(str, RESOLUTIONS))} and "
            f"channels 1, 3, or 4. Received: image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` "
            "to resize a dataset."
        )
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be 'biggan' or 'deep'. Received: variant={variant!r}")
    if depth < 1:
        raise ValueError(f"`depth` must be >= 1. Received: depth={depth}")
    wrong = [resolution for resolution in attention_resolutions if resolution not in (8, 16, *RESOLUTIONS)]
    if wrong:
        raise ValueError(f"`attention_resolutions` must be among 8, 16, ..., 512. Received: {wrong}")
    return size


def generator_plan(size, base_channels, variant, depth, attention_resolutions):
    """Returns the generator's blocks, from 4x4 to the image size. The last block of each stage doubles the size."""
    channels = [base_channels * multiplier for multiplier in _GENERATOR_MULTIPLIERS[size]]
    blocks = []
    for stage, (in_channels, out_channels) in enumerate(zip(channels, channels[1:])):
        resolution = 8 * 2**stage
        for _ in range(depth - 1 if variant == "deep" else 0):
            blocks.append(BlockPlan(in_channels, in_channels, False, False, stage, resolution))
        attention = resolution in attention_resolutions
        blocks.append(BlockPlan(in_channels, out_channels, True, attention, stage, resolution))
    return blocks


def discriminator_plan(image_shape, base_channels, variant, depth, attention_resolutions):
    """Returns the discriminator's blocks, from the image down. The first block of a stage halves the size, if any does.

    At 32 pixels, every stage counts as 16 for the placement of attention, as in the reference implementation's table.
    """
    size, _, image_channels = image_shape
    channels = [base_channels * multiplier for multiplier in _DISCRIMINATOR_MULTIPLIERS[size]]
    if variant == "biggan":
        channels = [image_channels, *channels]
    num_stages = len(channels) - 1
    halving_stages = 2 if size == 32 else num_stages - (variant == "biggan")
    blocks = []
    for stage, (in_channels, out_channels) in enumerate(zip(channels, channels[1:])):
        resolution = 16 if size == 32 else max(4, size // 2 ** (stage + 1))
        attention = resolution in attention_resolutions
        num_blocks = depth if variant == "deep" else 1
        for index in range(num_blocks):
            blocks.append(
                BlockPlan(
                    in_channels if index == 0 else out_channels,
                    out_channels,
                    index == 0 and stage < halving_stages,
                    attention and index == num_blocks - 1,
                    stage,
                    resolution,
                )
            )
    return blocks


def paper_latent_size(size, variant):
    """Returns the length of the latents: 20 for the first layer and each block in BigGAN, not split in BigGAN-deep."""
    return 128 if variant == "deep" else 20 * len(_GENERATOR_MULTIPLIERS.get(size, ()))


def paper_attention_resolutions(size, variant):
    """Returns where self-attention is placed: at 64 pixels, except at 128 in BigGAN for images of 256 pixels.

    The papers have no images smaller than 128. For images of 64 pixels, it is placed at 32, and for 32 it is left out,
    as in the reference implementation's CIFAR-10 runs.
    """
    if size <= 64:
        return (32,) if size == 64 else ()
    return (128,) if size == 256 and variant == "biggan" else (64,)
