"""Builds GAT's networks from weights with their official names, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, built, drop_told
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.gat.gat_discriminator import GATDiscriminator
from tfgan_suite.models.gat.gat_generator import GATGenerator

# What is worked out anew, and the embedding of an image that the generator's code multiplies by 0.
_NOT_USED = re.compile(r"pos_embed|feat_rope\..*|rope_(cos|sin)|encoder.*")
_NOT_USED_BY_GENERATORS = re.compile(r"x_embedder\..*")
_GENERATOR_ONLY = ("latent_size",)


def gat_from_state(generator_state, discriminator_state=None, **overrides):
    """Builds GAT's networks from weights with their official names, such as `blocks.0.attn.qkv.weight`.

    Everything is inferred from names and shapes: size of square images, patches, width, depth, heads, levels, latents, classes.

    Args:
        generator_state: Dict of arrays by name: kernels `[out, in, height, width]`, dense weights `[out, in]`.
        discriminator_state: Dict of the discriminator's arrays by name, without those of an alignment; or `None`.
        **overrides: `seed`, `dtype` and `name`. Other arguments of the networks must agree with the weights.

    Returns:
        A tuple of a `GATGenerator` and a `GATDiscriminator`; the latter is `None` without its state.

    Raises:
        UserError: If names are missing or unknown, shapes fit no GAT, or an override does not fit them.

    Example:

    >>> generator = GATGenerator((8, 8, 3), latent_size=4, width=16, depth=4, num_heads=2, num_classes=3)
    >>> again, _ = gat_from_state(gat_state(generator), image_shape=(8, 8, 3))
    >>> again.depth, again.num_heads
    (4, 2)
    """
    generator_state = _as_arrays(generator_state)
    told = _read_generator(generator_state)
    generator = GATGenerator(**told, **drop_told(overrides, told))
    load_gat_state(generator, generator_state)
    if discriminator_state is None:
        return generator, None
    state = _as_arrays(discriminator_state)
    told = _read_discriminator(state, told)
    # What only the generator has is nothing that the discriminator's weights could tell.
    own = {name: value for name, value in overrides.items() if name not in _GENERATOR_ONLY}
    discriminator = GATDiscriminator(**told, **drop_told(own, told))
    load_gat_state(discriminator, state)
    return generator, discriminator


def gat_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A `GATGenerator` or `GATDiscriminator`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of `trainable_variables`.

    Returns:
        Dict of float32 arrays by name.
    """
    return arrays_by_name(built(network), _entries(network), values)


def load_gat_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A `GATGenerator` or `GATDiscriminator`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    generates = isinstance(network, GATGenerator)
    ignored = [
        name for name in state if _NOT_USED.fullmatch(name) or (generates and _NOT_USED_BY_GENERATORS.fullmatch(name))
    ]
    assign_by_name(built(network), _entries(network), state, ignored)


class _Entry:
    """A variable, and how it lies in the official file: transposed, as it is, or as a kernel over patches."""

    def __init__(self, variable, as_it_is=False, official_shape=None, patch_size=None):
        self.variable = variable
        self.as_it_is = as_it_is
        self.patch_size = patch_size
        own = tuple(variable.shape)
        if patch_size is not None:
            official_shape = (own[1], own[0] // patch_size**2, patch_size, patch_size)
        self.official_shape = official_shape or (own if as_it_is else own[::-1])

    def from_official(self, array):
        own = tuple(self.variable.shape)
        if self.patch_size is not None:
            array = array.transpose(0, 2, 3, 1)
        return array.reshape(own) if self.as_it_is else array.reshape(own[::-1]).T

    def to_official(self, array):
        array = array.astype(np.float32)
        array = array if self.as_it_is else array.T
        if self.patch_size is None:
            return array.reshape(self.official_shape)
        out, channels, *patch = self.official_shape
        return array.reshape(out, *patch, channels).transpose(0, 3, 1, 2)


def _as_arrays(state):
    return {str(name): np.asarray(array) for name, array in state.items()}


def _entries(network):
    """Returns the `_Entry` of all weights of a network by official name."""
    generates = isinstance(network, GATGenerator)
    entries = {}

    def dense(name, layer, **layout):
        entries[f"{name}.weight"] = _Entry(layer.kernel, **layout)
        entries[f"{name}.bias"] = _Entry(layer.bias)

    def mapping(names, layer, table):
        for name, part in zip(names, layer.dense):
            dense(name, part)
        if layer.num_classes is not None:
            entries[table] = _Entry(layer.class_vectors, as_it_is=True)

    for index, block in enumerate(network.blocks):
        place = f"blocks.{index}"
        dense(f"{place}.attn.qkv", block.attention.to_heads)
        dense(f"{place}.attn.proj", block.attention.from_heads)
        entries[f"{place}.attn.q_norm.weight"] = _Entry(block.attention.normalize_queries.scale)
        entries[f"{place}.attn.k_norm.weight"] = _Entry(block.attention.normalize_keys.scale)
        dense(f"{place}.mlp.w12", block.feed_forward.expand)
        dense(f"{place}.mlp.w3", block.feed_forward.reduce)
        if generates:
            dense(f"{place}.adaLN_modulation.1", block.modulate)
        else:
            for part, weight, norm in (
                ("attn", block.weight_1, block.normalize_1),
                ("mlp", block.weight_2, block.normalize_2),
            ):
                entries[f"{place}.ls_{part}"] = _Entry(weight)
                entries[f"{place}.norm{1 if part == 'attn' else 2}.weight"] = _Entry(norm.scale)
    if generates:
        mapping(("latent_embedder.0", "latent_embedder.2"), network.mapping, "y_embedder.embedding_table.weight")
        for index, output in enumerate(network.outputs_of_levels):
            dense(f"final_layers.{index}.linear", output.dense)
            dense(f"final_layers.{index}.adaLN_modulation.1", output.modulate)
        entries["w_avg"] = _Entry(network.style_averages, as_it_is=True)
        return entries
    dense("x_embedder.proj", network.embed, patch_size=network.patch_size)
    entries["cls_token"] = _Entry(network.token, official_shape=(1, 1, network.width))
    entries["final_layer.0.weight"] = _Entry(network.normalize.scale)
    dense("final_layer.1", network.score)
    if network.class_map is not None:
        names = [f"y_embedder.latent_embedder.{place}" for place in (0, 2)]
        mapping(names, network.class_map, "y_embedder.embedding_table.weight")
    return entries


def _read_blocks(state):
    """What both networks' weights tell, a dict; and how many blocks there are."""
    depth = 1 + max((int(name.split(".")[1]) for name in state if name.startswith("blocks.")), default=-1)
    needed = ("blocks.0.attn.qkv.weight", "blocks.0.attn.q_norm.weight")
    if any(name not in state for name in needed):
        raise UserError(
            f"The weights are those of no GAT. Expected {' and '.join(needed)}. Received: "
            f"{', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    width = state[needed[0]].shape[1]
    return {"depth": depth, "width": width, "num_heads": width // state[needed[1]].shape[0]}


def _read_generator(state):
    """What names and shapes tell, a dict of arguments of the generator."""
    told = _read_blocks(state)
    levels = sorted(name for name in state if re.fullmatch(r"final_layers\.\d+\.linear\.weight", name))
    embedding = state.get("x_embedder.proj.weight")
    if not levels or "latent_embedder.0.weight" not in state:
        raise UserError(
            "The weights are those of no GATGenerator. Expected final_layers.0.linear.weight and latent_embedder.0.weight. "
            f"Received: {', '.join(sorted(state)[:5])}, ..."
        )
    classes = state.get("y_embedder.embedding_table.weight")
    inputs = state["latent_embedder.0.weight"].shape[1]
    told |= {
        "num_levels": len(levels),
        "latent_size": inputs - (0 if classes is None else classes.shape[1]),
        "num_classes": None if classes is None else classes.shape[0],
    }
    if embedding is not None:
        told["patch_size"] = embedding.shape[-1]
        if "pos_embed" in state:
            side = round(state["pos_embed"].shape[1] ** 0.5) * told["patch_size"]
            told["image_shape"] = (side, side, embedding.shape[1])
    return told


def _read_discriminator(state, generator):
    """What names and shapes tell, a dict of arguments of the discriminator; what they do not is the generator's."""
    told = {**generator, **_read_blocks(state)}
    for name in _GENERATOR_ONLY:
        told.pop(name, None)
    classes = state.get("y_embedder.embedding_table.weight")
    told["num_classes"] = None if classes is None else classes.shape[0]
    if classes is not None:
        told["class_map_size"] = classes.shape[1]
    return told
