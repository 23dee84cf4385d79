"""Builds Glow from weights with the names of the authors' code, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, drop_told, model_of_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.glow.actnorm import ActNorm
from tfgan_suite.models.glow.channel_permutation import ChannelPermutation
from tfgan_suite.models.glow.glow import Glow
from tfgan_suite.models.glow.invertible_convolution import InvertibleConvolution

_PREFIX = r"^(w/|model/)+"


def glow_from_state(state, **overrides):
    """Builds a `Glow` from weights with their official names, such as `0/3/f1/l_1/W`.

    Scales, steps, width, the kind of couplings and permutations, priors and classes are inferred from names and shapes. Without
    weights of a permutation it is the reversal of the channels. Scales have no bounds, as in the authors' code.

    Args:
        state: Dict of arrays by name: kernels `[height, width, in, out]`. Names may begin with `w/`.
        **overrides: Arguments of `Glow` that weights do not determine: `image_shape` (by default 32x32 with as many channels as
            the weights have), `levels` or, for a power of two, `bits`; `max_log_scale`, `label_weights`, `seed`, `dtype`,
            `name`. Others must agree with the weights.

    Returns:
        A `Glow`, its averaged weights set like the others. Training it does not initialize it from data.

    Raises:
        UserError: If names are missing or unknown, shapes fit no Glow, or an override does not fit them.

    Example:

    >>> model = Glow(image_shape=(8, 8, 1), scales=2, steps=1, width=4)
    >>> again = glow_from_state(glow_state(model.network), image_shape=(8, 8, 1))
    >>> again.architecture["scales"], again.architecture["permutation"]
    (2, 'convolution')

    Reference: Kingma and Dhariwal, "Glow" (2018).
    """
    state = {re.sub(_PREFIX, "", name): np.asarray(array) for name, array in state.items()}
    told = _read_architecture(state)
    if "bits" in overrides:
        levels = 2 ** overrides.pop("bits")
        overrides = {"levels": levels, **drop_told(overrides, {"levels": levels})}
    overrides = {"max_log_scale": None, **overrides}
    return model_of_weights(Glow, told, overrides, lambda network: load_glow_state(network, state))


def glow_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A `GlowNetwork` with Glow's couplings.
        values: List of arrays to return instead of the weights, such as gradients, in the order of `trainable_variables`. The
            kernels of invertible convolutions, which are made of factors, are then left out.

    Returns:
        Dict of float32 arrays by name.
    """
    return arrays_by_name(network, _entries(network), values)


def load_glow_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A `GlowNetwork` with Glow's couplings.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    inverses = [name for name in state if name.endswith("/indices_inverse")]  # They follow from the indices.
    assign_by_name(network, _entries(network), _with_our_shuffles(state), inverses)


def _with_our_shuffles(state):
    """Orders of channels under one name, whatever the scope in which the code drew them."""
    return {re.sub(r"^(\d+/\d+)/.*/?indices$", r"\1/shuffle/indices", name): array for name, array in state.items()}


def _read_architecture(state):
    """What names and shapes tell, a dict of arguments of `Glow` and `channels`."""
    steps = {tuple(map(int, match.groups())) for name in state if (match := re.match(r"(\d+)/(\d+)/", name))}
    scales, count = (1 + max((step[axis] for step in steps), default=-1) for axis in (0, 1))
    names = ("0/0/f1/l_1/W", "0/0/f1/l_last/W")
    complete = steps and len(steps) == scales * count
    if not complete or any(name not in state or state[name].ndim != 4 for name in names):
        raise UserError(
            "The weights are those of no Glow. Expected as many steps for each scale, with 0/0/f1/l_1/W, ... Received: "
            f"{', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    first, last = (state[name].shape for name in names)
    squeezed = 2 * (first[2] - 1)
    permutation = "reverse"
    if "0/0/invconv/W" in state:
        permutation = "convolution"
    elif any(re.match(r"0/0/.*indices$", name) for name in state):
        permutation = "shuffle"
    classes = state.get("prior/y_emb/W")
    return {
        "channels": squeezed // 4,
        "scales": scales,
        "steps": count,
        "width": first[3],
        "coupling": "affine" if last[3] == squeezed else "additive",
        "permutation": permutation,
        "learned_top": "prior/p/W" in state,
        "learned_splits": scales == 1 or "pool0/conv/W" in state,
        "normalize": "0/0/actnorm_center/b" in state,
        "num_classes": None if classes is None else len(classes),
    }


# === Names and layouts ===


class _Entry:
    """A variable, its official shape, and whether its last axis has even and odd outputs in the place of two halves."""

    def __init__(self, variable, official_shape=None, interleaved=False):
        self.variable = variable
        self.official_shape = tuple(variable.shape) if official_shape is None else tuple(official_shape)
        self.interleaved = interleaved

    def to_official(self, array):
        if self.interleaved:
            array = np.stack(np.split(array, 2, axis=-1), axis=-1)
        return array.reshape(self.official_shape).astype(np.float32)

    def from_official(self, array):
        if self.interleaved:
            array = np.concatenate([array[..., 0::2], array[..., 1::2]], axis=-1)
        return array.reshape(self.variable.shape)


class _Kernel:
    """The kernel of an invertible convolution in the place of its factors."""

    def __init__(self, layer):
        self._layer = layer
        self.shape = tuple(layer.factors.shape)

    def assign(self, kernel):
        self._layer.set_kernel(kernel)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._layer.kernel()[0], dtype)


def _entries(network):
    """Returns the `_Entry` of all weights by official name."""
    entries = {}

    def add_norm(name, bias, log_scale):
        for part, weight in (("center/b", bias), ("scale/logs", log_scale)):
            entries[f"{name}/actnorm_{part}"] = _Entry(weight, (1, 1, 1, *weight.shape))

    def add_hidden(name, layer):
        entries[f"{name}/W"] = _Entry(layer.kernel)
        add_norm(name, layer.bias, layer.log_scale)

    def add_zeros(name, layer, interleaved):
        entries[f"{name}/W"] = _Entry(layer.kernel, None, interleaved)
        entries[f"{name}/b"] = _Entry(layer.bias, (1, 1, 1, *layer.bias.shape), interleaved)
        entries[f"{name}/logs"] = _Entry(layer.log_scale, (1, *layer.log_scale.shape), interleaved)

    def add_layer(name, layer):
        if isinstance(layer, ActNorm):
            add_norm(name, layer.bias, layer.log_scale)
        elif isinstance(layer, InvertibleConvolution):
            entries[f"{name}/invconv/W"] = _Entry(_Kernel(layer))
        elif isinstance(layer, ChannelPermutation):
            if layer.order == "shuffle":
                entries[f"{name}/shuffle/indices"] = _Entry(layer.indices)
        else:
            add_hidden(f"{name}/f1/l_1", layer.network.first)
            add_hidden(f"{name}/f1/l_2", layer.network.middle)
            add_zeros(f"{name}/f1/l_last", layer.network.last, layer.network.affine)

    for scale, layers in enumerate(network.step_layers):
        each = len(layers) // network.architecture["steps"]
        for index, layer in enumerate(layers):
            add_layer(f"{scale}/{index // each}", layer)
    *splits, top = network.priors
    for scale, prior in enumerate(splits):
        if prior.learned:
            add_zeros(f"pool{scale}/conv", prior.convolution, interleaved=True)
    if top.learned:
        add_zeros("prior/p", top.convolution, interleaved=False)
    if top.num_classes is not None:
        entries["prior/y_emb/W"] = _Entry(top.class_kernel)
        for part, weight in (("b", top.class_bias), ("logs", top.class_log_scale)):
            entries[f"prior/y_emb/{part}"] = _Entry(weight, (1, *weight.shape))
    return entries
