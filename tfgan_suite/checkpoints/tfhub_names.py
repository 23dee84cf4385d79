"""Converts the variables of TF-Hub's BigGAN modules to the names and layouts of BigGAN-PyTorch.

The facts about the modules come from BigGAN-PyTorch's TFHub/converter.py and from pytorch-pretrained-BigGAN (both under
the MIT License): their names, that latents come before the class in the conditions, and that BigGAN-deep stores its
statistics in constants.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.untrusted.restricted_unpickler import shown

_BLOCK, _LAYER = r"Generator/GBlock(?:_(?P<block>\d+))?", r"(?:_(?P<layer>\d+))?"
_PARTS = {"w": "weight", "b": "bias", "u0": "u0"}
_AFFINE = {"gamma": "gain", "scale": "gain", "beta": "bias", "offset": "bias"}
_ATTENTION = {"theta": "theta", "phi": "phi", "g": "g", "o_conv": "o"}
# Patterns of names, and the official names. `{block}` counts from 0; `{next}` is the layer's number, from 1.
_RULES = [
    (r"(?P<at>linear)/(?P<part>w)", "shared.{part}"),
    (r"Generator/(?:G_Z|GenZ)/G_linear/(?P<part>w|b|u0)", "linear.{part}"),
    (rf"{_BLOCK}/conv(?P<layer>\d)/(?P<part>w|b|u0)", "blocks.{block}.0.conv{next}.{part}"),
    (rf"{_BLOCK}/conv_sc/(?P<part>w|b|u0)", "blocks.{block}.0.conv_sc.{part}"),
    (
        rf"{_BLOCK}/(?:HyperBN|BatchNorm){_LAYER}/(?P<affine>gamma|scale|beta|offset)/(?P<part>w|u0)",
        "blocks.{block}.0.bn{next}.{affine}.{part}",
    ),
    (rf"{_BLOCK}/(?:CrossReplicaBN|BatchNorm){_LAYER}/(?P<moment>accumul\w+)", "blocks.{block}.0.bn{next}.{moment}"),
    (r"Generator/attention/(?P<attention>theta|phi|g|o_conv)/(?P<part>w|u0)", "attention.{attention}.{part}"),
    (r"Generator/attention/gamma", "attention.gamma"),
    (r"Generator/(?:ScaledCrossReplicaBN|BatchNorm)/(?P<affine>gamma|scale|beta|offset)", "output_layer.0.{affine}"),
    (r"Generator/(?:ScaledCrossReplicaBNbn|BatchNorm)/(?P<moment>accumul\w+)", "output_layer.0.{moment}"),
    (r"Generator/(?:conv_2d|conv_to_rgb)/(?P<part>w|b|u0)", "output_layer.2.{part}"),
]
# The other side's vectors, which follow by one step of power iteration; the modules do not contain the discriminator.
_IGNORED = re.compile(r".*/u[1-9]|(?:.*/)?global_step|Discriminator/.*")
_AVERAGED = re.compile(r"(?P<name>.*)/ema_[\w.]+")


@dataclasses.dataclass(frozen=True)
class ModuleState:
    """The weights of a module.

    Attributes:
        state: Dict of arrays by official name, with two exceptions: `attention.*` has no block yet, and moments are
            separate.
        moments: Dict that maps layers (`"blocks.0.0.bn1"`) to dicts with `accumulated_mean`, `accumulated_var`, and
            `accumulation_counter`.
        averaged: Boolean. Whether the weights are the averaged ones.
    """

    state: dict[str, np.ndarray]
    moments: dict[str, dict[str, np.ndarray]]
    averaged: bool


def official_state(variables: Mapping[str, np.ndarray]) -> ModuleState:
    """Converts a module's variables to those of BigGAN-PyTorch; the averaged ones if there are two sets.

    Raises:
        UserError: If they do not belong to a module's generator, or a variable is unknown or has an unexpected shape.
    """
    chosen, averaged = _averaged(variables)
    translated = {_translate(name): array for name, array in chosen.items() if not _IGNORED.fullmatch(name)}
    for needed in ("shared.weight", "linear.weight", "blocks.0.0.conv1.weight", "blocks.0.0.bn1.gain.weight"):
        if needed not in translated:
            known = ", ".join(map(shown, sorted(chosen)[:6])) or "no variables"
            raise UserError(
                "The variables must be those of a BigGAN module, such as Generator/GBlock/conv0/w. Received: no "
                f"counterpart of {needed} among {known}{', ...' if len(chosen) > 6 else ''}"
            )
    moments: dict[str, dict[str, np.ndarray]] = {}
    state = {}
    shared_size = translated["shared.weight"].shape[-1]
    is_deep = "blocks.0.0.conv4.weight" in translated
    for name, array in translated.items():
        layer, _, part = name.rpartition(".")
        if part.startswith("accumul"):
            moments.setdefault(layer, {})[part] = array
            continue
        try:
            # Every layer of BigGAN-deep sees the latents and the class; the first layer of BigGAN sees only latents.
            joined = shared_size if ".bn" in name or (name == "linear.weight" and is_deep) else 0
            state[name] = np.array(_official_layout(name, array, joined), np.float32, order="C")
        except (ValueError, IndexError) as error:
            raise UserError(f"The module's counterpart of {name} has the unexpected shape {array.shape}.") from error
    for name in [name for name in state if name.endswith(".u0")]:
        state[name.replace(".u0", ".sv0")] = _singular_value(state, name)
    return ModuleState(state, moments, averaged)


def _averaged(variables: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """Returns the variables without the suffix of the average; averaged ones replace the others."""
    averages: dict[str, np.ndarray] = {}
    for name, array in variables.items():
        if match := _AVERAGED.fullmatch(name):
            if match["name"] in averages:
                raise UserError(
                    f"The module must have one average of each variable. It has two of {shown(match['name'])}."
                )
            averages[match["name"]] = array
    plain = {name: array for name, array in variables.items() if not _AVERAGED.fullmatch(name)}
    return {**plain, **averages}, bool(averages)


def _translate(name: str) -> str:
    for pattern, template in _RULES:
        if match := re.fullmatch(pattern, name):
            groups = match.groupdict()
            return template.format(
                block=int(groups.get("block") or 0),
                next=int(groups.get("layer") or 0) + 1,
                part=_PARTS.get(groups.get("part")),
                affine=_AFFINE.get(groups.get("affine")),
                attention=_ATTENTION.get(groups.get("attention")),
                moment=groups.get("moment"),
            )
    raise UserError(f"The variable {shown(name)} belongs to no known BigGAN module.")


def _official_layout(name: str, array: np.ndarray, class_size: int) -> np.ndarray:
    """Converts to the official layout. `class_size` is the number of a dense layer's last inputs that are the class."""
    if name == "shared.weight":
        return array  # [classes, shared_size] in both.
    if name == "attention.gamma":
        return array.reshape(())
    layer, _, part = name.rpartition(".")
    if part != "weight":
        array = array.reshape(-1)  # Vectors are [1, out] or [1, 1, 1, out] in the module.
    if layer == "linear":
        array = _channels_first(array)
    if part != "weight":
        return array[None] if part == "u0" else array
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)  # [height, width, in, out] -> [out, in, height, width]
    if class_size:  # Latents come before the class in the module, and after it here.
        array = np.concatenate([array[-class_size:], array[:-class_size]])
    return array.T  # [in, out] -> [out, in]


def _channels_first(array: np.ndarray) -> np.ndarray:
    """Reorders flattened features of 4x4 pixels from the module's `[4, 4, channels]` to `[channels, 4, 4]`."""
    shape = array.shape
    pixels = array.reshape(*shape[:-1], 16, shape[-1] // 16)
    return pixels.swapaxes(-1, -2).reshape(shape)


def _singular_value(state: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Computes what BigGAN-PyTorch stores next to `u0` for inspection: the estimate of one step."""
    weight_name = name.replace(".u0", ".weight")
    if weight_name not in state:
        raise UserError(f"The module must have a weight for {name}. It has no counterpart of {weight_name}.")
    matrix = state[weight_name].reshape(len(state[weight_name]), -1)
    vector = state[name] @ matrix
    return np.linalg.norm(vector / np.linalg.norm(vector) @ matrix.T)[None].astype(np.float32)
