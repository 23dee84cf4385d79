"""Reads StyleGAN2 from NVIDIA's pickles: weights with the PyTorch version's names, and what shapes do not reveal."""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.untrusted.nvidia_pickle import NetworkRecord, read_network_pickle
from tfgan_suite.untrusted.restricted_unpickler import shown

# === Names of the TensorFlow version ===


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _scalar(array: np.ndarray) -> np.ndarray:
    return array.reshape(())


def _without_batch(array: np.ndarray) -> np.ndarray:
    return array[0]  # [1, channels, 4, 4] -> [channels, 4, 4]


def _without_batch_and_channel(array: np.ndarray) -> np.ndarray:
    return array[0, 0]  # [1, 1, height, width] -> [height, width]


def _dense(array: np.ndarray) -> np.ndarray:
    return array.T  # [in, out] -> [out, in]


def _kernel(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1)  # [height, width, in, out] -> [out, in, height, width]


def _flipped_kernel(array: np.ndarray) -> np.ndarray:
    # The TensorFlow version flips the kernels of upsampling convolutions before it uses them.
    return _kernel(array[::-1, ::-1])


def _bias_plus_one(array: np.ndarray) -> np.ndarray:
    return array + np.float32(1.0)  # The TensorFlow version adds the one at each use.


_Rules = list[tuple[str, str, Callable[[np.ndarray], np.ndarray]]]
_STYLED: _Rules = [
    (r"(?P<at>.*)/bias", "{at}.bias", _same),
    (r"(?P<at>.*)/noise_strength", "{at}.noise_strength", _scalar),
    (r"(?P<at>.*)/mod_weight", "{at}.affine.weight", _dense),
    (r"(?P<at>.*)/mod_bias", "{at}.affine.bias", _bias_plus_one),
]
_GENERATOR: _Rules = [
    (r"(?:dlatent_avg|w_avg)", "mapping.w_avg", _same),
    (r"mapping/LabelEmbed/weight", "mapping.embed.weight", _dense),
    (r"mapping/LabelEmbed/bias", "mapping.embed.bias", _same),
    (r"mapping/Dense(?P<n>\d+)/weight", "mapping.fc{n}.weight", _dense),
    (r"mapping/Dense(?P<n>\d+)/bias", "mapping.fc{n}.bias", _same),
    (r"synthesis/4x4/Const/const", "synthesis.b4.const", _without_batch),
    (r"synthesis/(?P<r>\d+)x(?P=r)/Skip/weight", "synthesis.b{r}.skip.weight", _flipped_kernel),
]
# Layers with a style: the name in the file, the official name, and how the kernel is stored.
_STYLED_LAYERS = [
    (r"synthesis/(?P<r>4)x4/Conv", "synthesis.b{r}.conv1", _kernel),
    (r"synthesis/(?P<r>\d+)x(?P=r)/Conv0_up", "synthesis.b{r}.conv0", _flipped_kernel),
    (r"synthesis/(?P<r>\d+)x(?P=r)/Conv1", "synthesis.b{r}.conv1", _kernel),
    (r"synthesis/(?P<r>\d+)x(?P=r)/ToRGB", "synthesis.b{r}.torgb", _kernel),
]
_DISCRIMINATOR: _Rules = [
    (r"(?:mapping/)?LabelEmbed/weight", "mapping.embed.weight", _dense),
    (r"(?:mapping/)?LabelEmbed/bias", "mapping.embed.bias", _same),
    (r"(?:mapping/Dense|Mapping)(?P<n>\d+)/weight", "mapping.fc{n}.weight", _dense),
    (r"(?:mapping/Dense|Mapping)(?P<n>\d+)/bias", "mapping.fc{n}.bias", _same),
    (r"(?P<r>\d+)x(?P=r)/FromRGB/weight", "b{r}.fromrgb.weight", _kernel),
    (r"(?P<r>\d+)x(?P=r)/FromRGB/bias", "b{r}.fromrgb.bias", _same),
    (r"(?P<r>\d+)x(?P=r)/Conv0/weight", "b{r}.conv0.weight", _kernel),
    (r"(?P<r>\d+)x(?P=r)/Conv0/bias", "b{r}.conv0.bias", _same),
    (r"(?P<r>\d+)x(?P=r)/Conv1_down/weight", "b{r}.conv1.weight", _kernel),
    (r"(?P<r>\d+)x(?P=r)/Conv1_down/bias", "b{r}.conv1.bias", _same),
    (r"(?P<r>\d+)x(?P=r)/Skip/weight", "b{r}.skip.weight", _kernel),
    (r"4x4/Conv/weight", "b4.conv.weight", _kernel),
    (r"4x4/Conv/bias", "b4.conv.bias", _same),
    (r"4x4/Dense0/weight", "b4.fc.weight", _dense),
    (r"4x4/Dense0/bias", "b4.fc.bias", _same),
    (r"(?:4x4/)?Output/weight", "b4.out.weight", _dense),
    (r"(?:4x4/)?Output/bias", "b4.out.bias", _same),
]
# Remains of progressive growing that a finished network does not need: the level of detail, other levels' colors.
_IGNORED = re.compile(r"(?:synthesis/)?lod|(?:synthesis/)?(?:To|From)RGB_lod[1-9]\d*/.*")


def official_names(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts the variables of a TensorFlow StyleGAN2 network to those of the PyTorch version.

    Args:
        variables: Dict of the variables of a generator or discriminator, `{"synthesis/4x4/Conv/weight": array, ...}`.

    Returns:
        Dict of the same weights with the PyTorch version's names and layouts, `{"synthesis.b4.conv1.weight": ...}`.

    Raises:
        UserError: If a variable belongs to no StyleGAN2; the message names it.

    Example:

    >>> official_names({"dlatent_avg": np.zeros(4, "float32")})
    {'mapping.w_avg': array([0., 0., 0., 0.], dtype=float32)}
    """
    of_generator = any(name.startswith("synthesis/") or name == "dlatent_avg" for name in variables)
    resolution = max([int(r) for name in variables for r in re.findall(r"(?:^|/)(\d+)x\1/", name)], default=4)
    state = {}
    for name, array in variables.items():
        if _IGNORED.fullmatch(name):
            continue
        name = re.sub(r"(To|From)RGB_lod0/", rf"{resolution}x{resolution}/\1RGB/", name)  # From 'orig' networks.
        official, transform = _translate(name, of_generator)
        if official in state:
            raise UserError(f"The network has two variables for {shown(official)}, one of them {shown(name)}.")
        try:
            state[official] = np.array(transform(array), np.float32, order="C")
        except (ValueError, IndexError) as error:
            raise UserError(f"The variable {shown(name)} has the unexpected shape {array.shape}.") from error
    return state


def _translate(name: str, of_generator: bool) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    if of_generator and (noise := re.fullmatch(r"synthesis/noise(\d+)", name)):
        return _noise_name(int(noise[1])), _without_batch_and_channel
    for pattern, template, transform in _GENERATOR if of_generator else _DISCRIMINATOR:
        if match := re.fullmatch(pattern, name):
            return template.format(**match.groupdict()), transform
    for layer, template, kernel in _STYLED_LAYERS if of_generator else []:
        for pattern, suffix, transform in [(r"(?P<at>.*)/weight", "{at}.weight", kernel), *_STYLED]:
            match = re.fullmatch(pattern, name)
            if match and (at := re.fullmatch(layer, match["at"])):
                return suffix.format(at=template.format(**at.groupdict())), transform
    hint = ""
    if "StyleMod" in name or "AdaIN" in name:
        hint = " It belongs to the original StyleGAN, which is not supported."
    elif "LabelConcat" in name:
        hint = " Conditional networks of the first StyleGAN2 code, which concatenate labels, are not supported."
    raise UserError(f"The variable {shown(name)} belongs to no known StyleGAN2 network.{hint}")


def _noise_name(index: int) -> str:
    """Noise 0 is at 4x4, followed by two at each resolution r: 2 log2(r) - 5 and 2 log2(r) - 4."""
    if index == 0:
        return "synthesis.b4.conv1.noise_const"
    return f"synthesis.b{2 ** ((index + 5) // 2)}.conv{(index + 1) % 2}.noise_const"


# === What a file holds ===


@dataclasses.dataclass(frozen=True)
class OfficialStyleGAN2:
    """A StyleGAN2 from a file; every state has the names of NVIDIA's PyTorch version.

    Attributes:
        format: String, one of `"tensorflow"` or `"pytorch"`.
        generator_state: Dict. State of the averaged generator.
        trained_generator_state: Dict, or `None`. State of the generator as trained.
        discriminator_state: Dict, or `None`. State of the discriminator.
        settings: Dict. What names and shapes do not reveal, as arguments of `stylegan2_from_state`.
        assumed: Dict. The settings that the file does not state, with the reason for each value.
        training_set: Dict. What the file says about its data.
    """

    format: str
    generator_state: dict[str, np.ndarray]
    trained_generator_state: dict[str, np.ndarray] | None
    discriminator_state: dict[str, np.ndarray] | None
    settings: dict[str, Any]
    assumed: dict[str, str]
    training_set: dict[str, Any]


def read_nvidia_stylegan2(path: str | Path) -> OfficialStyleGAN2:
    """Reads the StyleGAN2 in a pickle written by NVIDIA's programs, without executing anything in it.

    Args:
        path: String or path. A `.pkl` of stylegan2 or stylegan2-ada (TensorFlow), of stylegan2-ada-pytorch, or of a
            StyleGAN2 network from stylegan3 (PyTorch).

    Returns:
        An `OfficialStyleGAN2`.

    Raises:
        UnsafePickleError: If the file asks for more than weights and settings.
        UserError: If the file does not exist, or contains no StyleGAN2.
    """
    pickle = read_network_pickle(path)
    records = (pickle.averaged_generator, pickle.generator, pickle.discriminator)
    states = [None if record is None else _state(record) for record in records]
    read = _tensorflow_settings if pickle.format == "tensorflow" else _pytorch_settings
    settings, assumed = read(pickle.averaged_generator, pickle.discriminator)
    return OfficialStyleGAN2(pickle.format, *states, settings, assumed, pickle.training_set)


def _state(record: NetworkRecord) -> dict[str, np.ndarray]:
    if any(re.match(r"synthesis\.(input\.|L\d+_)", name) for name in record.variables):
        raise UserError("The file must contain a StyleGAN2. Received: an alias-free generator (StyleGAN3).")
    for name, array in record.variables.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise UserError(
                f"{shown(name)} must contain finite floating-point numbers. Received: {array.dtype}, or not finite."
            )
    if record.format == "tensorflow":
        return official_names(record.variables)
    return {name: np.array(array, np.float32, order="C") for name, array in record.variables.items()}


# === Settings ===


def _tensorflow_settings(generator: NetworkRecord, discriminator: NetworkRecord | None) -> tuple[dict, dict]:
    """Reads the keyword arguments that were given; the others have the defaults of the function they were passed to."""
    _require(True, generator.setting("mapping", "normalize_latents", True), "normalize_latents")
    _require(True, generator.setting("synthesis", "use_noise", True), "use_noise")
    networks = {"generator": (generator, "synthesis")}
    if discriminator:
        networks["discriminator"] = (discriminator, "")
    settings = {}
    for network, (record, part) in networks.items():
        for name in ("nonlinearity", "mapping_nonlinearity"):
            _require("lrelu", record.setting(part, name, "lrelu"), name)
        settings[network] = {
            "resample_filter": record.setting(part, "resample_kernel", [1, 3, 3, 1]),
            "conv_clamp": record.setting(part, "conv_clamp"),
            "num_mixed_precision_resolutions": record.setting(part, "num_fp16_res", 0),
            "mapping_learning_rate_multiplier": record.setting("mapping", "mapping_lrmul", 0.01),
        }
    assumed = {}
    if discriminator:
        function = str(discriminator.setting("", "func_name", discriminator.class_name)).rsplit(".", 1)[-1]
        # The discriminator of the first code uses groups of 4 by default, ADA's uses the whole batch.
        default = 4 if function == "D_stylegan2" else None
        group_size = discriminator.setting("", "mbstd_group_size", _NOT_STATED)
        if group_size is _NOT_STATED:
            group_size = default
            assumed["minibatch_stddev_group_size"] = f"{default or 'the whole batch'}, the default of {shown(function)}"
        settings["discriminator"]["minibatch_stddev_group_size"] = group_size
    return _merge(settings), assumed


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0


def _count(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 20


_EXPECTED = {
    "resample_filter": ("a list of numbers", lambda value: type(value) is list and value and all(map(_number, value))),
    "conv_clamp": ("a positive number or None", lambda value: value is None or _number(value)),
    "num_mixed_precision_resolutions": ("an integer >= 0", lambda value: value == 0 or _count(value)),
    "mapping_learning_rate_multiplier": ("a positive number", _number),
    "minibatch_stddev_group_size": ("an integer >= 1 or None", lambda value: value is None or _count(value)),
}


def _pytorch_settings(generator: NetworkRecord, discriminator: NetworkRecord | None) -> tuple[dict, dict]:
    """Reads the attributes of the modules. The filter is a buffer among the weights."""
    for use_noise in _attributes(generator, "use_noise"):
        _require(True, use_noise, "use_noise")
    settings = {}
    for network, record in {"generator": generator, "discriminator": discriminator}.items():
        if record is None:
            continue
        for activation in _attributes(record, "activation", r"(.*\.)?(conv\d?|fc\d+)"):
            _require("lrelu", activation, "activation")
        clamps = _attributes(record, "conv_clamp")
        gains = _attributes(record, "bias_gain", r"mapping\.fc\d+")
        settings[network] = {
            "conv_clamp": _agree("conv_clamp", clamps or [None]),
            "num_mixed_precision_resolutions": len(
                [True for use in _attributes(record, "use_fp16", r"(synthesis\.)?b\d+") if use]
            ),
            "mapping_learning_rate_multiplier": _agree("bias_gain", gains or [0.01]),
        }
    assumed = {}
    if discriminator:
        group_size = discriminator.settings.get("b4.mbstd", {}).get("group_size", _NOT_STATED)
        if group_size is _NOT_STATED:
            group_size = 4
            assumed["minibatch_stddev_group_size"] = "4, the default of the PyTorch version"
        settings["discriminator"]["minibatch_stddev_group_size"] = group_size
    return _merge(settings), assumed


_NOT_STATED = object()


def _merge(settings: Mapping[str, dict]) -> dict[str, Any]:
    """Merges settings: one entry if the networks agree or only one has it, else one per network with its prefix."""
    merged = {}
    for network, own in settings.items():
        others = [other for name, other in settings.items() if name != network]
        for name, value in own.items():
            expected, accept = _EXPECTED[name]
            if not accept(value):
                raise UserError(f"The file's `{name}` must be {expected}. Received: {name}={shown(value)}")
            agree = all(other.get(name, value) == value for other in others)
            merged[name if agree else f"{network}_{name}"] = tuple(value) if type(value) is list else value
    return merged


def _attributes(record: NetworkRecord, name: str, part: str = ".*") -> list[Any]:
    """Returns the values of an attribute in all modules that have it and whose path matches."""
    return [values[name] for path, values in record.settings.items() if name in values and re.fullmatch(part, path)]


def _agree(name: str, values: list[Any]) -> Any:
    if any(value != values[0] for value in values):
        raise UserError(
            f"`{name}` must have the same value in all layers. Received: {shown(sorted(set(map(str, values))))}"
        )
    return values[0]


def _require(expected: Any, received: Any, name: str) -> None:
    if received != expected:
        raise UserError(f"Only networks with {name}={expected!r} are supported. Received: {name}={shown(received)}")
