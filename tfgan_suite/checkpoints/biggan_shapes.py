"""Infers BigGAN's architecture from the names and shapes of official weights."""

import re

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.biggan.biggan_architecture import RESOLUTIONS, discriminator_plan, generator_plan

# An upper bound on what a file may ask for.
_MAX_DEPTH = 8
_DIMENSIONS = {"conv1": 4, "conv4": 4, "input_conv": 4, "2": 4, "linear": 2, "embed": 2, "shared": 2, "gain": 2}


def cleaned_state(state, network):
    """Returns arrays by name, after checking for what every BigGAN's `"generator"` or `"discriminator"` has.

    Raises:
        UserError: If a weight is missing or has the wrong number of dimensions.
    """
    state = {str(name): np.asarray(value) for name, value in dict(state).items()}
    needed = {
        "generator": [
            "linear.weight",
            "blocks.0.0.conv1.weight",
            "blocks.0.0.bn1.gain.weight",
            "output_layer.2.weight",
        ],
        "discriminator": ["linear.weight", "blocks.0.0.conv1.weight", "embed.weight"],
    }[network]
    missing = [name for name in needed if name not in state]
    if missing:
        known = ", ".join(sorted(state)[:8]) or "no names"
        raise UserError(
            f"The state must contain the weights of a BigGAN {network}, with the names of BigGAN-PyTorch. Missing: "
            f"{', '.join(missing)}. Received: {known}{', ...' if len(state) > 8 else ''}"
        )
    for name, array in state.items():
        dimensions = _DIMENSIONS.get(name.split(".")[-2]) if name.endswith(".weight") else None
        if dimensions is not None and array.ndim != dimensions:
            raise UserError(f"{name} must have {dimensions} dimensions. Received: shape {array.shape}")
    return state


def _blocks_of(state):
    """Returns the names of the blocks, `(stage, index)` in order, and of the attention layers."""
    blocks, attentions = set(), set()
    for name in state:
        match = re.fullmatch(r"blocks\.(\d{1,3})\.(\d{1,3})\.(conv1\.weight|gamma)", name)
        if match:
            (attentions if match[3] == "gamma" else blocks).add((int(match[1]), int(match[2])))
    return sorted(blocks), attentions


def _widths(state, blocks, last):
    """Returns the input and output channels of each block; `last` is the name of its last convolution."""
    needed = [f"blocks.{i}.{j}.{last}.weight" for i, j in blocks]
    missing = [name for name in needed if name not in state]
    if missing:
        raise UserError(f"The weights do not belong to a BigGAN. Missing: {', '.join(missing)}")
    ins = [state[f"blocks.{i}.{j}.conv1.weight"].shape[1] for i, j in blocks]
    return list(zip(ins, [state[name].shape[0] for name in needed]))


def read_generator_plan(state):
    """Infers the plan of a generator from the channels of its blocks.

    Args:
        state: Dict of arrays by official name. Only the convolutions of the blocks are used.

    Returns:
        The variant, image size, base channels, depth, and the plan of the blocks without attention.

    Raises:
        UserError: If the papers have no such network.
    """
    blocks, _ = _blocks_of(state)
    variant = "deep" if "blocks.0.0.conv4.weight" in state else "biggan"
    widths = _widths(state, blocks, "conv4" if variant == "deep" else "conv1")

    def make_plan(size, base_channels, depth):
        return generator_plan(size, base_channels, variant, depth, ())

    return variant, *_find_plan(widths, make_plan, variant)


def read_generator(state, image_channels=None):
    """Infers arguments of `BigGANGenerator` from the names and shapes of official weights.

    Args:
        state: Dict of arrays by official name.
        image_channels: Integer, or `None`. Number of image channels, if the last convolution has more.

    Returns:
        Dict of arguments.

    Raises:
        UserError: If the papers have no such network.
    """
    _, attentions = _blocks_of(state)
    variant, size, base_channels, depth, plan = read_generator_plan(state)
    classes, shared_size, latent_size, hierarchical = _conditions(state, variant, len(plan))
    output_channels = state["output_layer.2.weight"].shape[0]
    image_channels = image_channels or output_channels
    return {
        "image_shape": (size, size, image_channels),
        "latent_size": latent_size,
        "num_classes": classes,
        "base_channels": base_channels,
        "shared_size": shared_size,
        "hierarchical": hierarchical,
        "attention_resolutions": tuple(block.resolution for i, block in enumerate(plan) if (i, 1) in attentions),
        "output_channels": None if output_channels == image_channels else output_channels,
        **_variant_config(variant, depth),
    }


def _variant_config(variant, depth):
    return {"variant": "deep", "depth": depth} if variant == "deep" else {"variant": variant}


def _conditions(state, variant, num_blocks):
    """Returns the number of classes, the sizes of shared vectors and latents, and whether blocks see the latents."""
    num_inputs = state["linear.weight"].shape[1]
    gain_shape = state["blocks.0.0.bn1.gain.weight"].shape
    if "shared.weight" not in state:
        return gain_shape[0], None, num_inputs, False
    classes, shared_size = state["shared.weight"].shape
    if gain_shape[1] == shared_size:
        return classes, shared_size, num_inputs, False
    expected = {"biggan": shared_size + num_inputs, "deep": num_inputs}[variant]
    if gain_shape[1] != expected or (variant == "deep" and num_inputs <= shared_size):
        raise UserError(
            f"blocks.0.0.bn1.gain.weight must have {expected} inputs, since shared.weight has vectors of {shared_size} "
            f"and linear.weight {num_inputs} inputs. Received: {gain_shape[1]}"
        )
    return (
        classes,
        shared_size,
        {"biggan": num_inputs * (num_blocks + 1), "deep": num_inputs - shared_size}[variant],
        True,
    )


def _find_plan(widths, make_plan, variant):
    """Finds the published network whose blocks have these channels: size, base channels, depth, and plan."""
    for depth in range(1, _MAX_DEPTH + 1 if variant == "deep" else 2):
        for size in RESOLUTIONS:
            unit = make_plan(size, 1, depth)
            if len(unit) != len(widths):
                continue
            base_channels = widths[-1][1] // unit[-1].out_channels
            plan = make_plan(size, base_channels, depth)
            if [(block.in_channels, block.out_channels) for block in plan] == widths:
                return size, base_channels, depth, plan
    raise UserError(
        "The channels must be those of a BigGAN for images of 32, 64, 128, 256, or 512 pixels. Received: blocks of "
        + ", ".join(f"{a}->{b}" for a, b in widths)
    )


def read_discriminator(state):
    """Infers arguments of `BigGANDiscriminator`. See `read_generator`."""
    blocks, attentions = _blocks_of(state)
    variant = "deep" if "input_conv.weight" in state else "biggan"
    widths = _widths(state, blocks, "conv4" if variant == "deep" else "conv1")
    first = state["input_conv.weight" if variant == "deep" else "blocks.0.0.conv1.weight"]
    channels = first.shape[1]

    def make_plan(size, base_channels, depth):
        return discriminator_plan((size, size, channels), base_channels, variant, depth, ())

    size, base_channels, depth, plan = _find_plan(widths, make_plan, variant)
    last_of_stage = {(block.stage, depth): block.resolution for block in plan}
    equal = [block.stage for block in plan if block.resample and block.in_channels == block.out_channels]
    convolved = [stage for stage in equal if f"blocks.{stage}.0.conv_sc.weight" in state]
    return {
        "image_shape": (size, size, channels),
        "num_classes": state["embed.weight"].shape[0],
        "base_channels": base_channels,
        "attention_resolutions": tuple(
            sorted({resolution for place, resolution in last_of_stage.items() if place in attentions}, reverse=True)
        ),
        **_variant_config(variant, depth),
        "convolve_equal_shortcuts": variant == "deep" or not equal or bool(convolved),
    }
