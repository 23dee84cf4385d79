"""Builds R3GAN's networks from weights with their official names, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, built, drop_told
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.r3gan.r3gan_discriminator import R3GANDiscriminator
from tfgan_suite.models.r3gan.r3gan_generator import R3GANGenerator

_BLOCK = re.compile(r"MainLayers\.(\d+)\.Layers\.(\d+)\.LinearLayer2\.Layer\.weight")


def r3gan_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds R3GAN's networks from weights with their official names, such as `MainLayers.0.Layers.0.Basis`.

    Everything is inferred from names and shapes: size, widths, groups, blocks, expansion, latents and classes.

    Args:
        generator_state: Dict of arrays by name: kernels `[out, in, height, width]`, dense weights `[out, in]`.
        discriminator_state: Dict of the discriminator's arrays by name, or `None`.
        **overrides: `seed`, `dtype` and `name`. Other arguments of the networks must agree with the weights.

    Returns:
        A tuple of an `R3GANGenerator` and an `R3GANDiscriminator`; the latter is `None` without its state.

    Raises:
        UserError: If names are missing or unknown, shapes fit no R3GAN, or an override does not fit them.

    Example:

    >>> generator = R3GANGenerator((8, 8, 3), latent_size=4, widths=8, groups=2, blocks=1)
    >>> again, _ = r3gan_from_state(r3gan_state(generator))
    >>> again.image_shape, again.latent_size
    ((8, 8, 3), 4)
    """
    networks = []
    for network_class, state in ((R3GANGenerator, generator_state), (R3GANDiscriminator, discriminator_state)):
        if state is None:
            networks.append(None)
            continue
        state = {str(name): np.asarray(array) for name, array in state.items()}
        told = _read_architecture(network_class, state)
        if network_class is R3GANDiscriminator and told["image_shape"] != networks[0].image_shape:
            raise UserError(
                "The generator and the discriminator must have the same image shape. Received: "
                f"{networks[0].image_shape} and {told['image_shape']}"
            )
        # What only the generator has is nothing that the discriminator's weights could tell.
        own = {name: value for name, value in overrides.items() if name in told or name not in _GENERATOR_ONLY}
        network = network_class(**told, **drop_told(own, told))
        load_r3gan_state(network, state)
        networks.append(network)
    return tuple(networks)


_GENERATOR_ONLY = ("latent_size", "class_size")


def r3gan_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: An `R3GANGenerator` or `R3GANDiscriminator`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of `trainable_variables`.

    Returns:
        Dict of float32 arrays by name.
    """
    return arrays_by_name(built(network), _entries(network), values)


def load_r3gan_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: An `R3GANGenerator` or `R3GANDiscriminator`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    assign_by_name(built(network), _entries(network), state)


class _Entry:
    """A variable and the order of axes of its official layout."""

    def __init__(self, variable, *order, shape=None):
        self.variable = variable
        self.order = order
        own = tuple(variable.shape[axis] for axis in order)
        # A depthwise kernel has an axis of one input channel.
        self.official_shape = own if shape is None else shape(own)

    def from_official(self, array):
        return array.reshape([self.variable.shape[axis] for axis in self.order]).transpose(np.argsort(self.order))

    def to_official(self, array):
        return array.astype(np.float32).transpose(self.order).reshape(self.official_shape)


def _entries(network):
    """Returns the `_Entry` of all weights of a network by official name."""
    generates = isinstance(network, R3GANGenerator)
    entries = {}

    def convolution(name, layer):
        entries[f"{name}.Layer.weight"] = _Entry(layer.kernel, 3, 2, 0, 1)

    convolution(
        "AggregationLayer" if generates else "ExtractionLayer", network.to_image if generates else network.from_image
    )
    for index, (stage, blocks) in enumerate(zip(network.stages, network.residual_blocks)):
        place = f"MainLayers.{index}.Layers"
        ends = 0 if generates else len(blocks)  # Where the layer that is no block stands.
        if str(stage.size) in network.transitions:
            convolution(f"{place}.{ends}.LinearLayer", network.transitions[str(stage.size)])
        for number, block in enumerate(blocks, start=int(generates)):
            for part, layer in enumerate((block.expand, block.mix, block.reduce), start=1):
                convolution(f"{place}.{number}.LinearLayer{part}", layer)
            for part, bias in enumerate((block.mix_bias, block.reduce_bias), start=1):
                entries[f"{place}.{number}.NonLinearity{part}.Bias"] = _Entry(bias, 0)
        if stage.size == 4 and generates:
            entries[f"{place}.0.Basis"] = _Entry(network.basis, 2, 0, 1)
            entries[f"{place}.0.LinearLayer.weight"] = _Entry(network.weigh.kernel, 1, 0)
        elif stage.size == 4:
            depthwise = _Entry(network.basis, 2, 0, 1, shape=lambda shape: (shape[0], 1, *shape[1:]))
            entries[f"{place}.{ends}.Basis.weight"] = depthwise
            entries[f"{place}.{ends}.LinearLayer.weight"] = _Entry(network.score.kernel, 1, 0)
    if network.num_classes is not None:
        vectors = network.embed_class.kernel if generates else network.class_vectors.embeddings
        entries["EmbeddingLayer.weight"] = _Entry(vectors, 1, 0)
    return entries


def _read_architecture(network_class, state):
    """What names and shapes tell, a dict of arguments of the network."""
    generates = network_class is R3GANGenerator
    ends = "AggregationLayer.Layer.weight" if generates else "ExtractionLayer.Layer.weight"
    kernels = {
        tuple(map(int, match.groups())): array for name, array in state.items() if (match := _BLOCK.fullmatch(name))
    }
    count = 1 + max((stage for stage, _ in kernels), default=-1)
    blocks = [sum(own == stage for own, _ in kernels) for stage in range(count)]
    if ends not in state or state[ends].ndim != 4 or not all(blocks) or not count:
        raise UserError(
            f"The weights are those of no {network_class.__name__}. Expected {ends} and blocks in each of MainLayers. Received: "
            f"{', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    widths, groups, expansion = [], [], 1
    for stage in range(count):
        place = min(number for own, number in kernels if own == stage)
        inner, width = state[f"MainLayers.{stage}.Layers.{place}.LinearLayer1.Layer.weight"].shape[:2]
        widths.append(width)
        groups.append(inner // kernels[stage, place].shape[1])
        expansion = inner // width
    order = slice(None) if generates else slice(None, None, -1)
    classes = state.get("EmbeddingLayer.weight")
    size = 2 ** (count + 1)
    told = {
        "image_shape": (size, size, int(state[ends].shape[0 if generates else 1])),
        "widths": tuple(widths[order]),
        "groups": tuple(groups[order]),
        "blocks": tuple(blocks[order]),
        "expansion": expansion,
        "num_classes": None if classes is None else classes.shape[1],
    }
    if generates:
        inputs = state["MainLayers.0.Layers.0.LinearLayer.weight"].shape[1]
        told["latent_size"] = inputs - (0 if classes is None else classes.shape[0])
        if classes is not None:
            told["class_size"] = classes.shape[0]
    return told
