"""Builds BigGAN's networks from weights with the names of BigGAN-PyTorch's checkpoints, and back."""

import numpy as np

from tfgan_suite.checkpoints.biggan_shapes import cleaned_state, read_discriminator, read_generator
from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.layers.spectral_normalization import SpectralEmbedding
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator

# Arguments from `overrides` that both networks take, and those of the generator only.
_SHARED = ("spectral_norm_epsilon", "initializer", "seed", "dtype")
_GENERATOR_ONLY = ("batch_norm_epsilon", "batch_norm_momentum", "image_channels")


def biggan_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds BigGAN's networks from weights with their official names, such as `blocks.0.0.conv1.weight`.

    The resolution, widths, attention, number of classes, split of the latents, and variant are inferred from the names
    and shapes.

    Args:
        generator_state: Dict of arrays by name: kernels `[out, in, height, width]`, dense weights `[out, in]`.
        discriminator_state: Dict of the discriminator's arrays by name, or `None`.
        **overrides: Arguments that names and shapes do not determine: `spectral_norm_epsilon` (1e-6),
            `batch_norm_epsilon` (1e-5), `batch_norm_momentum` (0.9), `image_channels` if the last convolution has more
            channels than the image, `initializer`, `seed`, `dtype`.

    Returns:
        A tuple of a `BigGANGenerator` and a `BigGANDiscriminator`; the latter is `None` without its state.

    Raises:
        UserError: If names are missing or unknown, shapes fit no BigGAN, or an override is unknown.

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
    # The cheapest initializer: all weights are overwritten.
    overrides = {"initializer": "normal", **overrides}
    generator_state = cleaned_state(generator_state, "generator")
    image_channels = overrides.pop("image_channels", None)
    generator = BigGANGenerator(**read_generator(generator_state, image_channels), **overrides)
    if discriminator_state is None:
        load_biggan_state(generator, generator_state)
        return generator, None
    discriminator_state = cleaned_state(discriminator_state, "discriminator")
    config = read_discriminator(discriminator_state)
    for name in ("image_shape", "num_classes"):
        if config[name] != getattr(generator, name):
            raise UserError(
                f"The generator and the discriminator must have the same {name}. Received: {getattr(generator, name)} "
                f"and {config[name]}"
            )
    discriminator = BigGANDiscriminator(
        **config, **{name: value for name, value in overrides.items() if name in _SHARED}
    )
    load_biggan_state(generator, generator_state)
    load_biggan_state(discriminator, discriminator_state)
    return generator, discriminator


def biggan_state(network, values=None):
    """Returns a network's weights and buffers with their official names and layouts.

    Args:
        network: A built `BigGANGenerator` or `BigGANDiscriminator`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of
            `trainable_variables`.

    Returns:
        Dict of float32 arrays by name. With `values`, it contains trained weights only.
    """
    return arrays_by_name(network, _entries(network), values)


def load_biggan_state(network, state):
    """Sets a network's weights and buffers from a state with official names.

    Args:
        network: A `BigGANGenerator` or `BigGANDiscriminator`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    if not network.built:
        network.build()
    assign_by_name(network, _entries(network), state)


# === Names and layouts ===


class _Entry:
    """A variable and its official layout.

    Args:
        variable: `[..., outputs]`.
        order: The official axes, as positions among the variable's axes; the same by default.
        num_features: Number of channels, if the outputs are flattened features: `[4, 4, channels]` here,
            `[channels, 4, 4]` in the official layout.
        row: Whether the official array has an additional first axis of size 1.
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
    """Returns the `_Entry` of all weights and buffers of a network by official name."""
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
                else:  # A table of classes, [num_classes, channels] in both layouts.
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
