"""BigGAN's networks from weights under the names of BigGAN-PyTorch's checkpoints, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name
from tfgan_suite.errors import UserError, unknown_name
from tfgan_suite.layers.spectral_normalization import SpectralEmbedding
from tfgan_suite.models.biggan.biggan_architecture import RESOLUTIONS, discriminator_plan, generator_plan
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator

# Arguments that both networks take from `overrides`, and those of the generator alone.
_SHARED = ("spectral_norm_epsilon", "initializer", "seed", "dtype")
_GENERATOR_ONLY = ("batch_norm_epsilon", "batch_norm_momentum", "image_channels")
# A bound on what a file may ask for.
_MAX_DEPTH = 8


def biggan_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds BigGAN's networks from weights under their official names, such as `blocks.0.0.conv1.weight`.

    Resolution, widths, attention, number of classes, the latents' split and the variant are read from the names and
    shapes.

    Args:
        generator_state: From names to arrays: kernels `[out, in, height, width]`, dense weights `[out, in]`.
        discriminator_state: The same of the discriminator, or `None`.
        **overrides: What names and shapes do not tell: `spectral_norm_epsilon` (1e-6), `batch_norm_epsilon` (1e-5),
            `batch_norm_momentum` (0.9), `image_channels` if the last convolution has more of them than the image,
            `initializer`, `seed`, `dtype`.

    Returns:
        A `BigGANGenerator` and a `BigGANDiscriminator`, or `None` for the latter without its state.

    Raises:
        UserError: Names are missing or unknown, shapes fit no BigGAN, or an override is unknown.

    Example:

    >>> generator = BigGANGenerator((32, 32, 3), latent_size=8, num_classes=4, base_channels=4, shared_size=8)
    >>> generator.build()
    >>> again, _ = biggan_from_state(biggan_state(generator))
    >>> again.latent_size, again.num_classes
    (8, 4)

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix B.
    """
    for name in overrides:
        if name not in _SHARED + _GENERATOR_ONLY:
            raise unknown_name("override", name, _SHARED + _GENERATOR_ONLY)
    # Quick to draw: all of it is replaced.
    overrides = {"initializer": "normal", **overrides}
    generator_state = _cleaned(generator_state, "generator")
    image_channels = overrides.pop("image_channels", None)
    generator = BigGANGenerator(**_generator_config(generator_state, image_channels), **overrides)
    if discriminator_state is None:
        load_biggan_state(generator, generator_state)
        return generator, None
    discriminator_state = _cleaned(discriminator_state, "discriminator")
    config = _discriminator_config(discriminator_state)
    for name in ("image_shape", "num_classes"):
        if config[name] != getattr(generator, name):
            raise UserError(
                f"Expected a generator and a discriminator of the same {name}. Received: {getattr(generator, name)} "
                f"and {config[name]}"
            )
    discriminator = BigGANDiscriminator(
        **config, **{name: value for name, value in overrides.items() if name in _SHARED}
    )
    load_biggan_state(generator, generator_state)
    load_biggan_state(discriminator, discriminator_state)
    return generator, discriminator


def biggan_state(network, values=None):
    """A network's weights and buffers under their official names, in their official layouts.

    Args:
        network: A `BigGANGenerator` or a `BigGANDiscriminator`, built.
        values: Arrays to name instead of the weights, such as gradients, in the order of `trainable_variables`.

    Returns:
        From names to float32 arrays. With `values`, those of trained weights only.
    """
    return arrays_by_name(network, _entries(network), values)


def load_biggan_state(network, state):
    """Sets a network's weights and buffers from a state under official names.

    Raises:
        UserError: Names are missing or unknown, or a shape is another one.
    """
    if not network.built:
        network.build()
    assign_by_name(network, _entries(network), state)


# === Names and layouts ===


class _Entry:
    """A variable and its official layout.

    Args:
        variable: `[..., outputs]`.
        order: The official axes, as positions in the variable's; by default the same.
        num_features: Channels of the outputs, where these are flattened features: `[4, 4, channels]` here,
            `[channels, 4, 4]` there.
        row: Whether the official array has an axis of 1 before the others.
    """

    def __init__(self, variable, order=None, num_features=None, row=False):
        self.variable = variable
        self.order = tuple(range(len(variable.shape))) if order is None else order
        self.num_features = num_features
        self.row = row

    @property
    def official_shape(self):
        return (*([1] if self.row else []), *(self.variable.shape[axis] for axis in self.order))

    def from_official(self, array):
        array = array[0] if self.row else array
        array = array.transpose(np.argsort(self.order))
        return self._reorder(array, [self.num_features, 4, 4], [-2, -1, -3])

    def to_official(self, array):
        array = self._reorder(array.astype(np.float32), [4, 4, self.num_features], [-1, -3, -2])
        array = array.transpose(self.order)
        return array[None] if self.row else array

    def _reorder(self, array, features, order):
        if self.num_features is None:
            return array
        before = array.shape[:-1]
        axes = [*range(len(before)), *(len(before) + 3 + axis for axis in order)]
        return array.reshape([*before, *features]).transpose(axes).reshape(array.shape)


def _entries(network):
    """From official names to `_Entry`, for all weights and buffers of a network."""
    return _generator_entries(network) if isinstance(network, BigGANGenerator) else _discriminator_entries(network)


def _generator_entries(network):
    entries = _spectral_entries("linear", network.linear, num_features=network.plan[0].in_channels)
    if network.shared_size is not None:
        entries["shared.weight"] = _Entry(network.shared_embedding.embeddings)
    attentions = iter(network.attentions)
    for index, (plan, block) in enumerate(zip(network.plan, network.blocks)):
        entries |= _block_entries(f"blocks.{index}.0", block)
        if plan.attention:
            entries |= _attention_entries(f"blocks.{index}.1", next(attentions))
    output = network.output_normalization
    entries |= {"output_layer.0.gain": _Entry(output.gamma), "output_layer.0.bias": _Entry(output.beta)}
    entries |= _statistics_entries("output_layer.0", output)
    return entries | _spectral_entries("output_layer.2", network.output_convolution)


def _discriminator_entries(network):
    entries = _spectral_entries("linear", network.linear) | _spectral_entries("embed", network.class_vectors)
    if network.variant == "deep":
        entries |= _spectral_entries("input_conv", network.input_convolution)
    attentions = iter(network.attentions)
    position = {}
    for plan, block in zip(network.plan, network.blocks):
        index = position[plan.stage] = position.get(plan.stage, -1) + 1
        entries |= _block_entries(f"blocks.{plan.stage}.{index}", block)
        if plan.attention:
            entries |= _attention_entries(f"blocks.{plan.stage}.{index + 1}", next(attentions))
    return entries


def _block_entries(name, block):
    entries = {}
    for index in range(1, 5):
        if hasattr(block, f"convolve_{index}"):
            entries |= _spectral_entries(f"{name}.conv{index}", getattr(block, f"convolve_{index}"))
        if hasattr(block, f"normalize_{index}"):
            normalization = getattr(block, f"normalize_{index}")
            entries |= _statistics_entries(f"{name}.bn{index}", normalization)
            for part in ("gain", "bias"):
                linear = getattr(normalization, part)
                if normalization.spectral:
                    entries |= _spectral_entries(f"{name}.bn{index}.{part}", linear)
                else:  # A table of classes, [num_classes, channels] there as here.
                    entries[f"{name}.bn{index}.{part}.weight"] = _Entry(linear.kernel)
    if getattr(block, "shortcut", None) is not None:
        entries |= _spectral_entries(f"{name}.conv_sc", block.shortcut)
    return entries


def _attention_entries(name, attention):
    entries = {f"{name}.gamma": _Entry(attention.gamma)}
    for part in ("theta", "phi", "g", "o"):
        entries |= _spectral_entries(f"{name}.{part}", getattr(attention, part))
    return entries


def _statistics_entries(name, normalization):
    return {
        f"{name}.stored_mean": _Entry(normalization.moving_mean),
        f"{name}.stored_var": _Entry(normalization.moving_variance),
    }


def _spectral_entries(name, layer, num_features=None):
    is_table = isinstance(layer, SpectralEmbedding)
    order = {4: (3, 2, 0, 1), 2: (0, 1) if is_table else (1, 0)}[len(layer.kernel.shape)]
    entries = {
        f"{name}.weight": _Entry(layer.kernel, order, num_features),
        f"{name}.u0": _Entry(layer.u, None, num_features, row=True),
        f"{name}.sv0": _Entry(layer.sigma, row=True),
    }
    if getattr(layer, "use_bias", False):
        entries[f"{name}.bias"] = _Entry(layer.bias, None, num_features)
    return entries


# === Reading a configuration from names and shapes ===

_DIMENSIONS = {"conv1": 4, "conv4": 4, "input_conv": 4, "2": 4, "linear": 2, "embed": 2, "shared": 2, "gain": 2}


def _cleaned(state, network):
    """Arrays by name, with what every BigGAN has."""
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
            f"Expected the weights of a BigGAN {network}, by the names of BigGAN-PyTorch. Missing: "
            f"{', '.join(missing)}. Received: {known}{', ...' if len(state) > 8 else ''}"
        )
    for name, array in state.items():
        dimensions = _DIMENSIONS.get(name.split(".")[-2]) if name.endswith(".weight") else None
        if dimensions is not None and array.ndim != dimensions:
            raise UserError(f"Expected {dimensions} dimensions of {name}. Received: shape {array.shape}")
    return state


def _blocks_of(state):
    """Names of the blocks, `(stage, index)` in order, and of the places of attention."""
    blocks, attentions = set(), set()
    for name in state:
        match = re.fullmatch(r"blocks\.(\d{1,3})\.(\d{1,3})\.(conv1\.weight|gamma)", name)
        if match:
            (attentions if match[3] == "gamma" else blocks).add((int(match[1]), int(match[2])))
    return sorted(blocks), attentions


def _widths(state, blocks, last):
    """Input and output channels of each block; `last` names its last convolution."""
    needed = [f"blocks.{i}.{j}.{last}.weight" for i, j in blocks]
    missing = [name for name in needed if name not in state]
    if missing:
        raise UserError(f"The weights are those of no BigGAN. Missing: {', '.join(missing)}")
    ins = [state[f"blocks.{i}.{j}.conv1.weight"].shape[1] for i, j in blocks]
    return list(zip(ins, [state[name].shape[0] for name in needed]))


def read_generator_plan(state):
    """What the channels of a generator's blocks tell.

    Args:
        state: Official names to arrays; the blocks' convolutions are looked at.

    Returns:
        Variant, size of the images, base channels, depth, and the blocks' plan without attention.

    Raises:
        UserError: The papers have no such networks.
    """
    blocks, _ = _blocks_of(state)
    variant = "deep" if "blocks.0.0.conv4.weight" in state else "biggan"
    widths = _widths(state, blocks, "conv4" if variant == "deep" else "conv1")

    def make_plan(size, base_channels, depth):
        return generator_plan(size, base_channels, variant, depth, ())

    return variant, *_find_plan(widths, make_plan, variant)


def _generator_config(state, image_channels):
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
    """Number of classes, size of the shared vectors, latent size, and whether the blocks see the latents."""
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
            f"Expected {expected} inputs of blocks.0.0.bn1.gain.weight, as shared.weight has vectors of {shared_size} "
            f"and linear.weight {num_inputs} inputs. Received: {gain_shape[1]}"
        )
    return (
        classes,
        shared_size,
        {"biggan": num_inputs * (num_blocks + 1), "deep": num_inputs - shared_size}[variant],
        True,
    )


def _find_plan(widths, make_plan, variant):
    """The table's networks whose blocks have these channels: size, base channels, depth and plan."""
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
        "Expected the channels of a BigGAN for images of 32, 64, 128, 256 or 512 pixels. Received blocks of "
        + ", ".join(f"{a}->{b}" for a, b in widths)
    )


def _discriminator_config(state):
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
