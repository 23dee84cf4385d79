"""Builds RealNVP, as a `Glow` of its parts, from weights with the names of its PyTorch implementation, and back."""

import re

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, model_of_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.glow.glow import Glow

_PREFIX = r"^(w/|module\.|net\.)+"
_IGNORED = ("data_constraint",)


def realnvp_from_state(state, **overrides):
    """Builds a RealNVP from weights with their names, such as `flows.in_couplings.0.st_net.in_conv.conv.weight_v`.

    Scales, channels, width and residual blocks are inferred from names and shapes. Stored moments of batch normalization
    become those of `StoredNormalization`, so that training goes on with them. Scales have no bounds beyond the learned ones.

    Args:
        state: Dict of arrays by name: kernels `[out, in, height, width]`. Names may begin with `w/` or `module.`.
        **overrides: Arguments of `Glow` that weights do not determine: `image_shape` (by default 32x32 with as many channels as
            the weights have), `levels`, `logit_range` (by default the state's `data_constraint`, or 0.9), `max_log_scale`,
            `label_weights`, `seed`, `dtype`, `name`. Others must agree with the weights.

    Returns:
        A `Glow`, its averaged weights set like the others. Training it does not initialize it from data.

    Raises:
        UserError: If names are missing or unknown, shapes fit no RealNVP, or an override does not fit them.

    Example:

    >>> choices = {"image_shape": (8, 8, 1), "scales": 2, "width": 4, "blocks": 1}
    >>> model = Glow.from_preset("realnvp_cifar10", **choices)
    >>> again = realnvp_from_state(realnvp_state(model.network), image_shape=(8, 8, 1))
    >>> again.architecture["blocks"]
    1

    Reference: Dinh et al., "Density estimation using Real NVP" (2017).
    """
    state = {re.sub(_PREFIX, "", name): np.asarray(array) for name, array in state.items()}
    told = _read_architecture(state)
    share = round(float(np.reshape(state.get("data_constraint", 0.9), [])), 6)
    overrides = {"max_log_scale": None, "logit_range": share, **overrides}
    return model_of_weights(Glow, told, overrides, lambda network: load_realnvp_state(network, state))


def realnvp_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A `GlowNetwork` with RealNVP's couplings.
        values: List of arrays to return instead of the weights, such as gradients, in the order of `trainable_variables`.

    Returns:
        Dict of float32 arrays by name.
    """
    state = arrays_by_name(network, _entries(network), values)
    rescales = {name: array for name, array in state.items() if name.endswith(".rescale")}
    weights = rescales if values is None else arrays_by_name(network, _entries(network))
    for name, array in rescales.items():
        # One number a channel there: a length, and a direction in one dimension.
        signs = np.where(weights[name] < 0, -1.0, 1.0).astype(np.float32)
        state[f"{name}.weight_g"] = state.pop(name) * signs
        state[f"{name}.weight_v"] = signs if values is None else np.zeros_like(array)
    return state


def load_realnvp_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A `GlowNetwork` with RealNVP's couplings.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    state = dict(state)
    for name in [name for name in state if name.endswith(".rescale.weight_g")]:
        direction = state.pop(name.replace("weight_g", "weight_v"), np.ones(()))
        state[name.removesuffix(".weight_g")] = state.pop(name) * np.sign(direction)
    ignored = [name for name in state if name in _IGNORED or name.endswith("num_batches_tracked")]
    assign_by_name(network, _entries(network), state, ignored)


def _read_architecture(state):
    """What names and shapes tell, a dict of arguments of `Glow` and `channels`."""
    first = "flows.in_couplings.0.st_net."
    shapes = [state.get(f"{first}{name}", np.zeros(())).shape for name in ("in_norm.weight", "in_conv.conv.weight_v")]
    if [len(shape) for shape in shapes] != [1, 4]:
        raise UserError(
            f"The weights are those of no RealNVP. Expected {first}in_norm.weight, ... Received: "
            f"{', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    scales = 1 + max(name.count("next_block.") for name in state)

    def count(pattern):
        found = {int(match[1]) for name in state if (match := re.match(pattern, name))}
        return 1 + max(found, default=-1)

    # The last scale has one coupling more.
    checkerboards = count(r"flows\.in_couplings\.(\d+)\.") - int(scales == 1)
    return {
        "channels": shapes[0][0],
        "scales": scales,
        "steps": count(r"flows\.out_couplings\.(\d+)\.") or 3,
        "width": shapes[1][0],
        "blocks": count(rf"{re.escape(first)}blocks\.(\d+)\."),
        "coupling": "residual",
        "permutation": "alternate",
        "normalize": False,
        "checkerboards": checkerboards,
        "checkerboard_top": True,
        "learned_splits": False,
        "learned_top": False,
        "num_classes": None,
    }


# === Names and layouts ===


class _Entry:
    """A variable, its official shape, and the order of the axes in which it is stored there."""

    def __init__(self, variable, official_shape=None, axes=None):
        self.variable = variable
        self.axes = axes
        shape = variable.shape if axes is None else [variable.shape[axis] for axis in axes]
        self.official_shape = tuple(shape if official_shape is None else official_shape)

    def to_official(self, array):
        array = array if self.axes is None else array.transpose(self.axes)
        return array.reshape(self.official_shape).astype(np.float32)

    def from_official(self, array):
        array = array if self.axes is None else array.transpose(np.argsort(self.axes))
        return array.reshape(self.variable.shape)


def _entries(network):
    """Returns the `_Entry` of all weights by official name; the two of a rescaling are one."""
    entries = {}

    def add_norm(name, norm):
        parts = {"weight": norm.gain, "bias": norm.bias, "running_mean": norm.mean, "running_var": norm.variance}
        for part, variable in parts.items():
            entries[f"{name}.{part}"] = _Entry(variable)

    def add_convolution(name, layer):
        entries[f"{name}.conv.weight_g"] = _Entry(layer.gain, (*layer.gain.shape, 1, 1, 1))
        entries[f"{name}.conv.weight_v"] = _Entry(layer.direction, axes=(3, 2, 0, 1))
        if layer.use_bias:
            entries[f"{name}.conv.bias"] = _Entry(layer.bias)

    def add_coupling(name, inner):
        add_norm(f"{name}.st_net.in_norm", inner.in_norm)
        add_convolution(f"{name}.st_net.in_conv", inner.in_convolution)
        add_convolution(f"{name}.st_net.in_skip", inner.in_skip)
        for index, (norm_1, convolution_1, norm_2, convolution_2, skip) in enumerate(inner.block_layers):
            block = f"{name}.st_net.blocks.{index}"
            add_norm(f"{block}.in_norm", norm_1)
            add_convolution(f"{block}.in_conv", convolution_1)
            add_norm(f"{block}.out_norm", norm_2)
            add_convolution(f"{block}.out_conv", convolution_2)
            add_convolution(f"{name}.st_net.skips.{index}", skip)
        add_norm(f"{name}.st_net.out_norm", inner.out_norm)
        add_convolution(f"{name}.st_net.out_conv", inner.out_convolution)
        entries[f"{name}.rescale"] = _Entry(inner.rescale, (*inner.rescale.shape, 1, 1))

    for scale, (first, steps) in enumerate(zip(network.first_layers, network.step_layers)):
        block = "flows." + "next_block." * scale
        for kind, layers in (("in_couplings", first), ("out_couplings", steps)):
            for index, layer in enumerate(layers):
                add_coupling(f"{block}{kind}.{index}", layer.network)
    return entries
