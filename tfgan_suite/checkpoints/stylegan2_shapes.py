"""Infers StyleGAN2's architecture from the names and shapes of official weights."""

import re

import numpy as np

from tfgan_suite.models.stylegan2.stylegan2_levels import level_channels, level_sizes


def read_generator(state):
    """Infers arguments of `StyleGAN2Generator` from the names and shapes of official weights.

    Args:
        state: Dict of arrays by official name.

    Returns:
        Dict of arguments.

    Raises:
        ValueError: If a weight that every generator has is missing.
    """
    resolutions = _resolutions(state, r"synthesis\.b(\d+)\.")
    names = [f"synthesis.b{resolution}" for resolution in resolutions]
    widths = [_shape(state, f"{name}.conv1.weight")[0] for name in names]
    _, height, width = _shape(state, "synthesis.b4.const")
    doublings = len(resolutions) - 1
    image_shape = (height << doublings, width << doublings, _shape(state, f"{names[-1]}.torgb.weight")[0])
    architecture = "skip" if f"{names[0]}.torgb.weight" in state else "orig"
    w_size = _shape(state, "synthesis.b4.conv1.affine.weight")[1]
    config = {
        "image_shape": image_shape,
        "latent_size": _shape(state, "mapping.fc0.weight")[1],
        "w_size": w_size,
        **_read_mapping(state),
        "architecture": "resnet" if any(name.endswith(".skip.weight") for name in state) else architecture,
        "use_noise": any(name.endswith(".noise_strength") for name in state),
        **_read_filter(state),
        **_read_channels(image_shape, widths),
    }
    if config["num_classes"]:
        config["latent_size"] -= w_size
    return config


def read_discriminator(state, generator_shape):
    """Infers arguments of `StyleGAN2Discriminator` from the names and shapes of official weights.

    Args:
        state: Dict of arrays by official name.
        generator_shape: Tuple. Image shape of the generator; the discriminator's weights reveal only the number of
            doublings.

    Returns:
        Dict of arguments.

    Raises:
        ValueError: If a weight that every discriminator has is missing.
    """
    resolutions = _resolutions(state, r"b(\d+)\.")
    top = f"b{resolutions[-1]}"
    widths = [_shape(state, "b4.conv.weight")[0]]
    widths += [_shape(state, f"b{resolution}.conv0.weight")[0] for resolution in resolutions[1:]]
    base_height, base_width = level_sizes(generator_shape)[0]
    doublings = len(resolutions) - 1
    channels = _shape(state, f"{top}.fromrgb.weight")[1]
    image_shape = (base_height << doublings, base_width << doublings, channels)
    architecture = "skip" if "b4.fromrgb.weight" in state else "orig"
    return {
        "image_shape": image_shape,
        **_read_mapping(state),
        "architecture": "resnet" if f"{top}.skip.weight" in state else architecture,
        "minibatch_stddev_channels": _shape(state, "b4.conv.weight")[1] - widths[0],
        **_read_filter(state),
        **_read_channels(image_shape, widths),
    }


def _resolutions(state, pattern):
    """Returns 4, 8, ... up to the highest resolution among the names."""
    found = {int(match.group(1)) for match in map(re.compile(pattern).match, state) if match}
    if not found:
        kind = "synthesis.b4.conv1.weight" if "synthesis" in pattern else "b4.conv.weight"
        raise ValueError(f"The state must have official names such as {kind!r}. Received: {listed(state)}")
    return [4 << level for level in range(max(found).bit_length() - 2)]


def _read_mapping(state):
    layers = [int(match.group(1)) for match in map(re.compile(r"mapping\.fc(\d+)\.").match, state) if match]
    config = {"num_classes": None}
    if "mapping.embed.weight" in state:
        config["num_classes"] = _shape(state, "mapping.embed.weight")[1]
    if layers:
        config["num_mapping_layers"] = max(layers) + 1
    return config


def _read_filter(state):
    """Returns the taps of the separable filter that all buffers contain; nothing if there are no buffers."""
    filters = {name: np.asarray(array) for name, array in state.items() if name.endswith("resample_filter")}
    taps = None
    for name, array in sorted(filters.items()):
        first, taps = taps, array if array.ndim == 1 else array.sum(axis=0) / array.sum()
        same = first is None or np.array_equal(first, taps)
        if not same or array.ndim == 2 and not np.allclose(np.outer(taps, taps), array, atol=1e-5):
            raise ValueError(
                f"All filter buffers must contain the same separable filter. Received: {array.tolist()} in {name!r}"
            )
    if taps is None:
        return {}
    # As integers, if the filter was defined by integers.
    smallest = np.abs(taps).min()
    whole = np.round(taps / smallest) if smallest > 0 else taps
    return {"resample_filter": tuple(map(float, whole if np.allclose(whole / whole.sum(), taps, atol=1e-6) else taps))}


def _read_channels(image_shape, widths):
    """Returns the rule if the widths follow it, else the widths themselves."""
    sizes = level_sizes(image_shape)
    rule = {"channel_base": widths[-1] * max(sizes[-1]), "max_channels": max(widths)}
    try:
        follow = level_channels(sizes, **rule) == widths
    except ValueError:
        follow = False
    return {**rule, "channels": None if follow else tuple(widths)}


def _shape(state, name):
    if name not in state:
        raise ValueError(f"The state must contain a weight {name!r}. Received: {listed(state)}")
    return tuple(np.shape(state[name]))


def listed(names):
    """Lists names in order, for errors."""
    return ", ".join(sorted(names)) or "none"
