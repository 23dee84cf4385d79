"""How wide BigGAN's and BigGAN-deep's networks are, and where they attend: the papers' tables, block by block."""

import dataclasses

# Channels at the input of the first stage and at the output of each, in multiples of the base.
_GENERATOR_MULTIPLIERS = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# BigGAN: at the output of each stage, the first of which sees the image, the last of which keeps the size.
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
        in_channels: Channels of its inputs.
        out_channels: Channels of its outputs.
        resample: Whether it doubles (generator) or halves (discriminator) the image.
        attention: Whether self-attention follows it.
        stage: Which stage it belongs to, counted from the input; a stage has `depth` blocks in BigGAN-deep, else one.
        resolution: The size of the stage's outputs, by which self-attention is placed.
    """

    in_channels: int
    out_channels: int
    resample: bool
    attention: bool
    stage: int
    resolution: int


def check_architecture(image_shape, variant, depth, attention_resolutions):
    """The image's size.

    Raises:
        ValueError: The papers' tables have no such networks.
    """
    size, width, channels = image_shape
    if size != width or size not in RESOLUTIONS or channels not in (1, 3, 4):
        raise ValueError(
            f"Expected image_shape (size, size, channels) with size one of {', '.join(map(str, RESOLUTIONS))} and "
            f"channels 1, 3 or 4. Received: image_shape={tuple(image_shape)}. `tfgan-suite prepare --image-size` "
            "resizes a data set."
        )
    if variant not in VARIANTS:
        raise ValueError(f'Expected variant "biggan" or "deep". Received: variant={variant!r}')
    if depth < 1:
        raise ValueError(f"Expected depth >= 1. Received: depth={depth}")
    wrong = [resolution for resolution in attention_resolutions if resolution not in (8, 16, *RESOLUTIONS)]
    if wrong:
        raise ValueError(f"Expected attention_resolutions among 8, 16, ..., 512. Received: {wrong}")
    return size


def generator_plan(size, base_channels, variant, depth, attention_resolutions):
    """The generator's blocks, from 4x4 to the image's size. The last block of each stage doubles."""
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
    """The discriminator's blocks, from the image down. The first block of each stage halves, if any does.

    At 32 pixels every stage counts as 16 when it comes to attention, as in the reference implementation's table.
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
    """Length of the latents: BigGAN's are 20 for the first layer and for each block, BigGAN-deep's are not split."""
    return 128 if variant == "deep" else 20 * len(_GENERATOR_MULTIPLIERS.get(size, ()))


def paper_attention_resolutions(size, variant):
    """Where self-attention stands: at 64 pixels, in BigGAN for images of 256 at 128.

    The papers have no smaller images than 128. At 64 pixels it stands at 32, at 32 nowhere, as in the reference
    implementation's CIFAR-10 runs.
    """
    if size <= 64:
        return (32,) if size == 64 else ()
    return (128,) if size == 256 and variant == "biggan" else (64,)
