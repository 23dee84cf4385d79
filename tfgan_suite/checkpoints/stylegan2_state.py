"""Builds StyleGAN2's networks from weights with the official names, and back.

The official names are those of the authors' PyTorch code, in which kernels are `[out, in, height, width]`, dense
weights `[out, in]`, and images `[channels, height, width]`. Whatever names and shapes reveal about the architecture is
inferred from them.
"""

import inspect

import numpy as np

from tfgan_suite.checkpoints.stylegan2_shapes import listed, read_discriminator, read_generator
from tfgan_suite.models.stylegan2.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator
from tfgan_suite.models.stylegan2.stylegan2_levels import level_sizes

# Layout of a weight: the axes of the official array in the order used here.
_SAME, _DENSE, _IMAGE = None, (1, 0), (1, 2, 0)
_KERNEL, _UP_KERNEL = (2, 3, 1, 0), (2, 3, 0, 1)
_FLATTENED = "flattened"


def stylegan2_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds the networks that a set of official weights belongs to.

    Args:
        generator_state: Dict that maps official names (`"mapping.fc0.weight"`, `"synthesis.b4.const"`, ...) to arrays.
        discriminator_state: Dict of the discriminator's arrays (`"b4.fc.weight"`, ...), or `None`.
        **overrides: Arguments of `StyleGAN2Generator` and `StyleGAN2Discriminator` that shapes do not determine:
            `minibatch_stddev_group_size`, `conv_clamp`, `label_size` instead of `num_classes`,
            `num_mixed_precision_resolutions`, `dtype`, ... Each applies to every network that has such an argument, or
            only to one with the prefix `generator_` or `discriminator_`.

    Returns:
        Tuple `(generator, discriminator)`; the discriminator is `None` without its state.

    Raises:
        ValueError: If names are missing or unknown, a shape does not fit, or an override is not an argument of the
            networks.

    Example:

    >>> generator = StyleGAN2Generator((16, 16, 3), latent_size=8, w_size=8, channel_base=64)
    >>> generator.build()
    >>> again, _ = stylegan2_from_state(stylegan2_to_state(generator))
    >>> again.image_shape
    (16, 16, 3)
    """
    generator_overrides, discriminator_overrides = _split_overrides(overrides)
    config = {**read_generator(generator_state), **generator_overrides}
    generator = _filled(StyleGAN2Generator, config, generator_state)
    if discriminator_state is None:
        return generator, None
    config = {**read_discriminator(discriminator_state, generator.image_shape), **discriminator_overrides}
    return generator, _filled(StyleGAN2Discriminator, config, discriminator_state)


def stylegan2_to_state(network, values=None):
    """Returns the weights of a generator or discriminator with the official names and layouts.

    Args:
        network: A built `StyleGAN2Generator` or `StyleGAN2Discriminator`.
        values: List of arrays to return instead of the weights, one for each of `network.trainable_variables`, such as
            gradients.

    Returns:
        Dict of float32 arrays by official name.
    """
    state = {}
    by_variable = None if values is None else dict(zip(map(id, network.trainable_variables), values))
    for name, variable, layout in _entries(network):
        if by_variable is None:
            state[name] = _to_official(np.asarray(variable), layout, network)
        elif id(variable) in by_variable:
            state[name] = _to_official(np.asarray(by_variable[id(variable)]), layout, network)
    if values is None:
        state.update(_filters(network))
    return state


def _filters(network):
    """Returns the filter buffers that the official networks have at every level."""
    taps = np.asarray(network.resample_filter, np.float32)
    filters = np.outer(taps, taps) / taps.sum() ** 2
    prefix = "synthesis." if isinstance(network, StyleGAN2Generator) else ""
    first = 0 if prefix else 1
    return {
        f"{prefix}b{4 << level}.resample_filter": filters
        for level in range(first, len(level_sizes(network.image_shape)))
    }


# === Overrides ===


def _split_overrides(overrides):
    accepted = {
        prefix: set(inspect.signature(network).parameters) - {"kwargs"} | {"dtype", "name"}
        for prefix, network in (("generator", StyleGAN2Generator), ("discriminator", StyleGAN2Discriminator))
    }
    split = {"generator": {}, "discriminator": {}}
    for name, value in overrides.items():
        prefix, _, rest = name.partition("_")
        if prefix in accepted and rest in accepted[prefix]:
            split[prefix][rest] = value
            continue
        takers = [prefix for prefix in accepted if name in accepted[prefix]]
        if not takers:
            known = sorted(accepted["generator"] | accepted["discriminator"])
            raise ValueError(f"`overrides` must be among {known}. Received: {name}={value!r}")
        for prefix in takers:
            split[prefix].setdefault(name, value)
    for config in split.values():
        if config.get("label_size") is not None:
            config.setdefault("num_classes", None)
    return split["generator"], split["discriminator"]


# === The weights ===


def _filled(network_class, config, state):
    network = network_class(**config)
    network.build()
    entries = _entries(network)
    expected = {name for name, _, _ in entries}
    received = {name for name in state if not name.endswith("resample_filter")}
    if expected != received:
        raise ValueError(
            f"The state must have the official names of a {network_class.__name__} with "
            f"image_shape={network.image_shape}, architecture={network.architecture!r}. "
            f"Missing: {listed(expected - received)}. Unknown: {listed(received - expected)}"
        )
    for name, variable, layout in entries:
        array = np.asarray(state[name], np.float32)
        expected_shape = _to_official(np.empty(variable.shape, np.float32), layout, network).shape
        if array.shape != expected_shape:
            raise ValueError(f"{name!r} must have shape {expected_shape}. Received: shape {array.shape}")
        variable.assign(_from_official(array, layout, network))
    return network


def _entries(network):
    """Returns `(official name, variable, layout)` of every weight."""
    if isinstance(network, StyleGAN2Generator):
        entries = _mapping_entries(network.mapping)
        for level, block in enumerate(network.blocks):
            entries += _synthesis_entries(f"synthesis.b{4 << level}", block)
        return entries
    entries = [] if network.mapping is None else _mapping_entries(network.mapping)
    for index, block in enumerate(network.blocks):
        prefix = f"b{4 << (len(network.blocks) - index)}"
        layers = {
            "fromrgb": block.from_rgb,
            "conv0": block.convolution,
            "conv1": block.convolution_down,
            "skip": block.shortcut,
        }
        entries += [entry for name, layer in layers.items() for entry in _layer_entries(f"{prefix}.{name}", layer)]
    entries += _layer_entries("b4.fromrgb", network.from_rgb) + _layer_entries("b4.conv", network.convolution)
    return [
        *entries,
        *_layer_entries("b4.fc", network.dense, _FLATTENED),
        *_layer_entries("b4.out", network.score, _DENSE),
    ]


def _mapping_entries(mapping):
    entries = _layer_entries("mapping.embed", mapping.embedding, _DENSE) if mapping.label_size else []
    for index, dense in enumerate(mapping.dense):
        entries += _layer_entries(f"mapping.fc{index}", dense, _DENSE)
    return [*entries, ("mapping.w_avg", mapping.w_average, _SAME)] if mapping.track_average else entries


def _synthesis_entries(prefix, block):
    entries = [(f"{prefix}.const", block.constant, _IMAGE)] if block.in_channels is None else []
    names = ["conv1"] if block.in_channels is None else ["conv0", "conv1"]
    for name, layer in zip([*names, "torgb"], [*block.convolutions, block.to_rgb]):
        if layer is not None:
            entries += _layer_entries(f"{prefix}.{name}", layer, _UP_KERNEL if layer.up else _KERNEL)
            entries += _layer_entries(f"{prefix}.{name}.affine", layer.affine, _DENSE)
            if layer.use_noise:
                entries.append((f"{prefix}.{name}.noise_strength", layer.noise_strength, _SAME))
                entries.append((f"{prefix}.{name}.noise_const", layer.noise_constant, _SAME))
    return entries + _layer_entries(f"{prefix}.skip", block.shortcut, _UP_KERNEL)


def _layer_entries(prefix, layer, layout=_KERNEL):
    if layer is None:
        return []
    entries = [(f"{prefix}.weight", layer.kernel, layout)]
    return [*entries, (f"{prefix}.bias", layer.bias, _SAME)] if getattr(layer, "use_bias", True) else entries


def _from_official(array, layout, network):
    if layout == _FLATTENED:  # The official features are flattened with the channels first.
        height, width, channels = network.smallest_shape
        array = array.reshape([-1, channels, height, width]).transpose([2, 3, 1, 0])
        return array.reshape([height * width * channels, -1])
    return array if layout is _SAME else array.transpose(layout)


def _to_official(array, layout, network):
    if layout == _FLATTENED:
        height, width, channels = network.smallest_shape
        array = array.reshape([height, width, channels, -1]).transpose([3, 2, 0, 1])
        return array.reshape([-1, channels * height * width])
    return array if layout is _SAME else array.transpose(np.argsort(layout))
