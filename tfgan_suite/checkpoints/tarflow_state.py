"""Builds TarFlow from weights with the names of the authors' code, and back."""

import math
import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, model_of_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.tarflow.tarflow import TarFlow

_PREFIX = r"^(w/|module\.|_orig_mod\.)+"
# What follows from the rest: which positions see which.
_MASK = re.compile(r"blocks\.\d+\.attn_mask$")


def tarflow_from_state(state, **overrides):
    """Builds a `TarFlow` from weights with their official names, such as `blocks.0.proj_in.weight`.

    The patch size, blocks, layers, width and classes are inferred from names and shapes. Log-scales have no bounds, as in the
    authors' code. Images are square, unless `image_shape` says otherwise.

    Args:
        state: Dict of arrays by name, dense kernels `[out, in]`. Names may begin with `w/`.
        **overrides: Arguments of `TarFlow` that weights do not determine: `image_shape`; `channels`, integer, 3 by default if that
            is possible; `head_size`, `max_log_scale`, `noise_deviation`, `levels`, `label_weights`, `seed`, `dtype`, `name`. Others
            must agree with the weights.

    Returns:
        A `TarFlow`, its averaged weights set like the others.

    Raises:
        UserError: If names are missing or unknown, shapes fit no TarFlow, or an override does not fit them.

    Example:

    >>> model = TarFlow(image_shape=(8, 8, 3), patch_size=2, width=64, num_blocks=2, layers_per_block=1)
    >>> again = tarflow_from_state(tarflow_state(model.network))
    >>> again.image_shape, again.architecture["patch_size"]
    ((8, 8, 3), 2)

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024).
    """
    state = {re.sub(_PREFIX, "", name): np.asarray(array) for name, array in state.items()}
    told = _read_architecture(state, overrides)
    overrides = {"max_log_scale": None, **overrides}
    return model_of_weights(TarFlow, told, overrides, lambda network: load_tarflow_state(network, state))


def tarflow_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A `TarFlowNetwork`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of `trainable_variables`.

    Returns:
        Dict of float32 arrays by name. The masks of the attention, which follow from the shape, are left out.
    """
    return arrays_by_name(network, _entries(network), values)


def load_tarflow_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A `TarFlowNetwork`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    if "var" not in state:
        state = {**state, "var": np.ones(network.token_shape, np.float32)}
    assign_by_name(network, _entries(network), state, [name for name in state if _MASK.match(name)])


def _read_architecture(state, overrides):
    """What names and shapes tell, a dict of arguments of `TarFlow` and `channels`. Takes `channels` out of the overrides."""
    blocks = 1 + max(
        (int(match.group(1)) for name in state if (match := re.match(r"blocks\.(\d+)\.", name))), default=-1
    )
    layers = {match.group(1) for name in state if (match := re.match(r"blocks\.0\.attn_blocks\.(\d+)\.", name))}
    names = ("blocks.0.pos_embed", "blocks.0.proj_in.weight", "blocks.0.proj_out.weight")
    if not layers or any(name not in state or state[name].ndim != 2 for name in names):
        raise UserError(
            "The weights are those of no TarFlow. Expected blocks.0.pos_embed, blocks.0.proj_in.weight, ... Received: "
            f"{', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    (length, width), (_, size), (outputs, _) = (state[name].shape for name in names)
    channels, patch_size = _patch(size, overrides)
    told = {
        "channels": channels,
        "patch_size": patch_size,
        "width": width,
        "num_blocks": blocks,
        "layers_per_block": len(layers),
        "volume_preserving": outputs == size,
    }
    if "image_shape" not in overrides:
        side = math.isqrt(length)
        if side**2 != length:
            raise UserError(
                f"`image_shape` must be given, since {length} patches are no square. Received: no image_shape"
            )
        overrides["image_shape"] = (side * patch_size, side * patch_size, channels)
    classes = state.get("blocks.0.class_embed")
    return {**told, "num_classes": None if classes is None else len(classes)}


def _patch(size, overrides):
    """The channels of images, and the patch size, of tokens of so many values."""
    channels = overrides.pop("channels", None)
    if "image_shape" in overrides:
        channels = overrides["image_shape"][-1]
    possible = [
        one for one in ((3, 1) if channels is None else (channels,)) if math.isqrt(size // one) ** 2 * one == size
    ]
    if not possible:
        raise UserError(
            f"Tokens of {size} values must be square patches of pixels of 1 or 3 channels, or of `channels`. Received: "
            f"channels={channels}"
        )
    return possible[0], math.isqrt(size // possible[0])


# === Names and layouts ===


class _Entry:
    """A variable and its official shape; a kernel has its outputs first there."""

    def __init__(self, variable, official_shape=None):
        self.variable = variable
        self._transposed = official_shape is None and len(variable.shape) == 2
        shape = tuple(variable.shape)
        self.official_shape = official_shape or (shape[::-1] if self._transposed else shape)

    def to_official(self, array):
        array = array.T if self._transposed else array.reshape(self.official_shape)
        return np.ascontiguousarray(array, np.float32)

    def from_official(self, array):
        return array.T if self._transposed else array.reshape(self.variable.shape)


def _entries(network):
    """Returns the `_Entry` of all weights by official name."""
    entries = {"var": _Entry(network.prior.variance, network.token_shape)}

    def add(name, layer, kernel):
        entries[f"{name}.weight"], entries[f"{name}.bias"] = _Entry(kernel), _Entry(layer.bias)

    for index, block in enumerate(network.blocks):
        name = f"blocks.{index}"
        entries[f"{name}.pos_embed"] = _Entry(block.positions, tuple(block.positions.shape))
        if block.num_classes is not None:
            entries[f"{name}.class_embed"] = _Entry(block.classes, (block.num_classes, 1, block.width))
        add(f"{name}.proj_in", block.project_in, block.project_in.kernel)
        add(f"{name}.proj_out", block.project_out, block.project_out.kernel)
        for number, layer in enumerate(block.layers):
            part = f"{name}.attn_blocks.{number}"
            add(f"{part}.attention.norm", layer.normalize_1, layer.normalize_1.gain)
            add(f"{part}.attention.qkv", layer.attention.to_heads, layer.attention.to_heads.kernel)
            add(f"{part}.attention.proj", layer.attention.from_heads, layer.attention.from_heads.kernel)
            add(f"{part}.mlp.norm", layer.normalize_2, layer.normalize_2.gain)
            add(f"{part}.mlp.main.0", layer.dense_1, layer.dense_1.kernel)
            add(f"{part}.mlp.main.2", layer.dense_2, layer.dense_2.kernel)
    return entries
