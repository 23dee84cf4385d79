"""Builds ProGAN's networks from weights with their official TensorFlow names, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.models.progan.progan_discriminator import ProGANDiscriminator
from tfgan_suite.models.progan.progan_generator import ProGANGenerator

# Arguments from `overrides` that both networks take, and those of only one of them.
_SHARED = ("num_classes", "fused_scaling", "channel_base", "max_channels", "seed")
_GENERATOR_ONLY = ("latent_size", "normalize_latents")
_DISCRIMINATOR_ONLY = ("minibatch_stddev_group_size", "minibatch_stddev_grouping")
# The level of detail, which is a variable in the official networks and an argument of the call here.
_IGNORED = {"lod"}
# 4096 pixels: an upper bound on what a file may ask for.
_MAX_LEVEL = 10


def progan_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds ProGAN's networks from weights with their official names, such as `8x8/Conv0_up/weight`.

    The resolution, widths, latent size, number of labels, and fused or separate scaling are inferred from the names and
    shapes.

    Args:
        generator_state: Dict of arrays by name: kernels `[height, width, in, out]`, those of `Conv0_up`
            `[height, width, out, in]`, dense weights `[in, out]`.
        discriminator_state: Dict of the discriminator's arrays by name, or `None`.
        **overrides: Arguments that names and shapes do not determine: `num_classes` and `latent_size` without a
            discriminator, whose head determines the classes; `normalize_latents`; `minibatch_stddev_group_size` and
            `minibatch_stddev_grouping`; `channel_base` and `max_channels`, `fused_scaling`; `seed`.

    Returns:
        A tuple of a `ProGANGenerator` and a `ProGANDiscriminator`; the latter is `None` without its state.

    Raises:
        UserError: If names are missing or unknown, shapes fit no ProGAN, or an override is unknown.

    Example:

    >>> generator = ProGANGenerator((8, 8, 3), latent_size=4, channel_base=8, max_channels=4)
    >>> again, _ = progan_from_state(progan_state(generator))
    >>> again.image_shape, again.latent_size
    ((8, 8, 3), 4)
    """
    for name in overrides:
        if name not in _SHARED + _GENERATOR_ONLY + _DISCRIMINATOR_ONLY:
            raise unknown_name("override", name, _SHARED + _GENERATOR_ONLY + _DISCRIMINATOR_ONLY)
    generator_state = _cleaned(generator_state, "generator")
    num_classes = overrides.get("num_classes")
    if discriminator_state is not None:
        discriminator_state = _cleaned(discriminator_state, "discriminator")
        config = _discriminator_config(discriminator_state)
        num_classes = overrides.get("num_classes", config["num_classes"])
        config |= {name: overrides[name] for name in _SHARED + _DISCRIMINATOR_ONLY if name in overrides}
    generator_config = _generator_config(generator_state, num_classes, overrides.get("latent_size"))
    generator_config |= {name: overrides[name] for name in _SHARED + _GENERATOR_ONLY if name in overrides}
    generator = ProGANGenerator(**generator_config)
    load_progan_state(generator, generator_state)
    if discriminator_state is None:
        return generator, None
    if config["image_shape"] != generator.image_shape:
        raise UserError(
            "The generator and the discriminator must have the same image shape. Received: "
            f"{generator.image_shape} and {config['image_shape']}"
        )
    discriminator = ProGANDiscriminator(**config)
    load_progan_state(discriminator, discriminator_state)
    return generator, discriminator


def progan_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A `ProGANGenerator` or `ProGANDiscriminator`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of
            `trainable_variables`.

    Returns:
        Dict of float32 arrays by name.
    """
    return arrays_by_name(network, _entries(network), values)


def load_progan_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A `ProGANGenerator` or `ProGANDiscriminator`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    assign_by_name(network, _entries(network), state, _IGNORED)


class _Entry:
    """A variable and its official layout, which differs only in the order of 4x4 features: channels come first."""

    def __init__(self, variable, features=None):
        self.variable = variable
        # Axis and number of channels of flattened features, [4, 4, channels] here, [channels, 4, 4] officially.
        self.axis, self.channels = features or (None, None)

    @property
    def official_shape(self):
        return tuple(self.variable.shape)

    def from_official(self, array):
        return self._reorder(array, [self.channels, 4, 4], [1, 2, 0])

    def to_official(self, array):
        return self._reorder(array, [4, 4, self.channels], [2, 0, 1])

    def _reorder(self, array, shape, order):
        array = array.astype(np.float32)
        if self.axis is None:
            return array
        before, after = array.shape[: self.axis], array.shape[self.axis + 1 :]
        axes = [
            *range(self.axis),
            *(self.axis + axis for axis in order),
            *(self.axis + 3 + i for i in range(len(after))),
        ]
        return array.reshape([*before, *shape, *after]).transpose(axes).reshape(array.shape)


def _entries(network):
    """Returns the `_Entry` of all weights of a network by official name."""
    layers = {"4x4/Conv": network.convolution}
    is_generator = isinstance(network, ProGANGenerator)
    up, down = ("_up", "_down") if network.fused_scaling else ("", "")
    for level, convolution in enumerate(network.convolutions):
        block = f"{network.size_at(level)}x{network.size_at(level)}"
        if is_generator:
            layers |= {f"{block}/Conv0{up}": network.up_convolutions[level], f"{block}/Conv1": convolution}
        else:
            layers |= {f"{block}/Conv0": convolution, f"{block}/Conv1{down}": network.down_convolutions[level]}
    for level in range(network.coarsest_level + 1):
        if is_generator:
            layers[f"ToRGB_lod{level}"] = network.to_rgb[level]
        else:
            layers[f"FromRGB_lod{level}"] = network.from_rgb[level]
    if not is_generator:
        layers |= {"4x4/Dense0": network.dense, "4x4/Dense1": network.score_dense}

    entries = {f"{name}/weight": _Entry(layer.kernel) for name, layer in layers.items()}
    entries |= {f"{name}/bias": _Entry(layer.bias) for name, layer in layers.items()}
    channels = network.channels_at(4)
    if is_generator:
        entries["4x4/Dense/weight"] = _Entry(network.dense.kernel, features=(1, channels))
        entries["4x4/Dense/bias"] = _Entry(network.dense_bias)
    else:
        entries["4x4/Dense0/weight"] = _Entry(network.dense.kernel, features=(0, channels))
    return entries


# === Reading a configuration from names and shapes ===


def _cleaned(state, network):
    """Returns arrays by name, after checking for what every ProGAN has."""
    state = {str(name): np.asarray(value) for name, value in dict(state).items()}
    needed = {  # With their number of dimensions.
        "generator": {"4x4/Dense/weight": 2, "4x4/Conv/weight": 4, "ToRGB_lod0/weight": 4},
        "discriminator": {"4x4/Dense1/weight": 2, "4x4/Conv/weight": 4, "FromRGB_lod0/weight": 4},
    }[network]
    missing = [name for name in needed if name not in state]
    if missing:
        known = ", ".join(sorted(state)[:8]) or "no names"
        raise UserError(
            f"The state must contain the weights of a ProGAN {network}, with their official names. "
            f"Missing: {', '.join(missing)}. Received: {known}{', ...' if len(state) > 8 else ''}"
        )
    for name, num_dimensions in needed.items():
        if state[name].ndim != num_dimensions:
            raise UserError(f"{name} must have {num_dimensions} dimensions. Received: shape {state[name].shape}")
    return state


def _generator_config(state, num_classes, latent_size):
    num_inputs = state["4x4/Dense/weight"].shape[0]
    if num_classes is None and latent_size is not None and latent_size < num_inputs:
        num_classes = num_inputs - latent_size
    if num_classes is not None and num_classes >= num_inputs:
        raise UserError(
            f"`num_classes` must be less than the {num_inputs} inputs of 4x4/Dense/weight. "
            f"Received: num_classes={num_classes}"
        )
    return {
        **_image_and_widths(state, "ToRGB", color_axis=3, width_axis=2),
        "latent_size": num_inputs - (num_classes or 0),
        "num_classes": num_classes,
        "fused_scaling": _is_fused(state, "Conv0", "Conv0_up"),
    }


def _discriminator_config(state):
    num_outputs = state["4x4/Dense1/weight"].shape[1]
    return {
        **_image_and_widths(state, "FromRGB", color_axis=2, width_axis=3),
        "num_classes": num_outputs - 1 if num_outputs > 1 else None,
        "fused_scaling": _is_fused(state, "Conv1", "Conv1_down"),
        "minibatch_stddev_channels": state["4x4/Conv/weight"].shape[2] - state["4x4/Conv/weight"].shape[3],
    }


def _is_fused(state, separate, fused):
    """Returns whether the fused name is present; networks of a single level have neither name."""
    return any(name.endswith(f"/{fused}/weight") for name in state) or not any(
        name.endswith(f"/{separate}/weight") for name in state
    )


def _image_and_widths(state, prefix, color_axis, width_axis):
    """Infers the image shape and the channels from the layers between features and colors, one per level."""
    kernels = {}
    for name, array in state.items():
        match = re.fullmatch(prefix + r"_lod(\d+)/weight", name)
        if match and array.ndim == 4:
            kernels[int(match[1])] = array.shape
    if 0 not in kernels or max(kernels) > _MAX_LEVEL:
        raise UserError(
            f"The state must contain {prefix}_lod0/weight and further levels up to {_MAX_LEVEL}, with four dimensions "
            f"each. Received: levels {sorted(kernels)}"
        )
    size = 4 << max(kernels)
    widths = {size >> level: shape[width_axis] for level, shape in kernels.items()}
    return {
        "image_shape": (size, size, kernels[0][color_axis]),
        # 2 * channel_base // size is the width, or more where the width is bounded.
        "channel_base": max(-(-size * width // 2) for size, width in widths.items()),
        "max_channels": max(widths.values()),
    }
