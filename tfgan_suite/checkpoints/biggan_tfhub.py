"""Reads the BigGAN modules of TF-Hub as models of the suite: generators with standing statistics for one truncation."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.adversarial.pretrained_generator import PretrainedGenerator
from tfgan_suite.checkpoints.biggan_shapes import read_generator_plan
from tfgan_suite.checkpoints.biggan_state import biggan_from_state, biggan_state
from tfgan_suite.checkpoints.official_model import OfficialModel, check_positive, checked_weights, with_defaults
from tfgan_suite.checkpoints.tfhub_names import ModuleState, official_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.latents import ScaledTruncatedNormal
from tfgan_suite.models.biggan.biggan_architecture import paper_attention_resolutions
from tfgan_suite.untrusted.tensorflow_variables import read_tensorflow_variables

LICENSE = "Not stated by the files. TF-Hub lists DeepMind's BigGAN modules under the Apache License 2.0"
_DEFAULTS = {
    "spectral_norm_epsilon": (1e-4, "as in the modules' graphs"),
    "batch_norm_epsilon": (1e-4, "as in the modules' graphs"),
    "image_channels": (3, "as in all of these modules"),
}
# BigGAN-deep's graph has five constants per batch normalization: the second contains its means, the fourth its
# variances (pytorch-pretrained-BigGAN, convert_tf_to_pytorch.py).
_STACKS_PER_LAYER, _MEAN_STACK, _VARIANCE_STACK = 5, 1, 3


def read_official_model(source: Path, settings: Mapping[str, Any]) -> OfficialModel:
    """Reads the averaged generator of a BigGAN or BigGAN-deep module. No graph is run.

    Args:
        source: Path of the module's directory, of a TensorFlow checkpoint, or of an `.npz` of its variables.
        settings: Dict of settings from `KINDS["biggan-tfhub"].settings`.

    Returns:
        An `OfficialModel`.

    Raises:
        UserError: If the source is none of these or no BigGAN, or has no statistics for the truncation.
    """
    build_settings = {name: value for name, value in settings.items() if name in _DEFAULTS}
    build_settings, assumed = with_defaults(build_settings, _DEFAULTS)
    check_positive(build_settings, tuple(_DEFAULTS))
    read = read_tensorflow_variables(source)
    module = official_state(checked_weights({name: value for name, value in read.variables.items() if _counts(name)}))
    state, place = _place_attention(module.state, settings.get("attention_resolution"))
    moments, reasons = read_moments(module, read.stacks, settings)
    assumed |= place | reasons
    if not module.averaged:
        assumed["averaged"] = "no: the file has only one set of weights, assumed to be the averaged one"
    state |= moments
    generator, _ = biggan_from_state(state, **build_settings)
    return OfficialModel(
        PretrainedGenerator(generator, latent_distribution=ScaledTruncatedNormal()),
        f"TF-Hub, BigGAN{'-deep' if generator.variant == 'deep' else ''}",
        (source,),
        LICENSE,
        "the default for these modules; the files themselves state none",
        {"ema_generator": state},
        biggan_state,
        assumed,
    )


def _counts(name: str) -> bool:
    """Returns whether a variable is one of the floating-point numbers that the generator uses."""
    return not name.endswith("global_step")


# === Attention ===


def _place_attention(state: Mapping[str, np.ndarray], resolution: Any) -> tuple[dict, dict]:
    """Returns the state with attention at its place, which its name does not specify, and what was assumed."""
    weights = {name: array for name, array in state.items() if name.startswith("attention.")}
    rest = {name: array for name, array in state.items() if name not in weights}
    if not weights:
        return rest, {}
    variant, size, _, _, plan = read_generator_plan(state)
    if "attention.o.weight" not in weights:
        raise UserError("The attention of the module must have a weight o_conv/w. Received: none.")
    channels = weights["attention.o.weight"].shape[0]
    # Attention follows a stage, so it follows the stage's last block.
    places = {block.resolution: index for index, block in enumerate(plan) if block.resample}
    fitting = [place for place, index in places.items() if plan[index].out_channels == channels]
    assumed = {}
    if resolution is None:
        of_paper = [place for place in paper_attention_resolutions(size, variant) if place in fitting]
        if not of_paper and len(fitting) != 1:
            raise UserError(
                f"`attention_resolution` must be given: {channels} channels fit after the stages of "
                f"{', '.join(map(str, fitting)) or 'none of the'} pixels. For example: --set attention_resolution=32"
            )
        resolution = (of_paper or fitting)[0]
        why = "as in the paper" if of_paper else "the only place that its channels fit"
        assumed["attention_resolution"] = f"{resolution}, {why}"
    if resolution not in fitting:
        raise UserError(
            f"`attention_resolution` must be one of {', '.join(map(str, fitting))}, where {channels} channels fit. "
            f"Received: attention_resolution={resolution!r}"
        )
    prefix = f"blocks.{places[resolution]}.1."
    return {**rest, **{prefix + name.removeprefix("attention."): array for name, array in weights.items()}}, assumed


# === Standing statistics ===


def read_moments(
    module: ModuleState, stacks: Mapping[int, np.ndarray], settings: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads the standing statistics for one truncation.

    Args:
        module: A `ModuleState` with the module's weights and accumulators.
        stacks: Dict of the graph's constants, see `TensorFlowVariables`.
        settings: Dict. May contain `truncation` and `accumulators`.

    Returns:
        A tuple of `stored_mean` and `stored_var` of all layers by official name, and of what was assumed.

    Raises:
        UserError: If statistics are missing, or do not depend on the truncation although one is given.
    """
    truncation = settings.get("truncation", 1.0)
    if type(truncation) not in (int, float) or not 0.0 <= truncation <= 1.0:
        raise UserError(f"`truncation` must be a number from 0 to 1. Received: truncation={truncation!r}")
    layers = _normalized_layers(module.state)
    if stacks:
        tables, assumed = _from_stacks(layers, stacks), {}
    else:
        tables, assumed = _from_accumulators(layers, module, settings)
    lengths = {len(array) for pair in tables.values() for array in pair if array.ndim == 2}
    if not lengths and "truncation" in settings:
        raise UserError(
            "`truncation` must not be given: the module has one set of standing statistics for all truncations. "
            f"Received: truncation={truncation!r}"
        )
    if lengths and "truncation" not in settings:
        assumed["truncation"] = (
            f"1.0, statistics for the full distribution; the module has statistics for {max(lengths)} truncations"
        )
    state = {}
    for layer, (mean, variance) in tables.items():
        state[f"{layer}.stored_mean"] = _at_truncation(mean, truncation)
        state[f"{layer}.stored_var"] = _at_truncation(variance, truncation)
    if any((array < 0).any() for name, array in state.items() if name.endswith("var")):
        raise UserError("The module's standing variances must be at least 0. Received: negative ones.")
    return state, assumed


def _normalized_layers(state: Mapping[str, np.ndarray]) -> list[str]:
    """Returns the layers with batch normalization in the order in which they are called."""
    names = {name.removesuffix(".gain.weight") for name in state if name.endswith(".gain.weight")}
    return sorted(names, key=lambda name: (int(name.split(".")[1]), name)) + ["output_layer.0"]


def _from_stacks(layers: list[str], stacks: Mapping[int, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    tables = {}
    for index, layer in enumerate(layers):
        numbers = [_STACKS_PER_LAYER * index + offset for offset in (_MEAN_STACK, _VARIANCE_STACK)]
        missing = [f"stack_{number}" for number in numbers if number not in stacks]
        if missing:
            raise UserError(
                f"The module's graph must contain the constants {', '.join(missing)}, the statistics of {layer}. "
                f"Received: {len(stacks)} constants, up to stack_{max(stacks)}."
            )
        tables[layer] = tuple(np.asarray(stacks[number], np.float32) for number in numbers)
    return tables


def _from_accumulators(
    layers: list[str], module: ModuleState, settings: Mapping[str, Any]
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict]:
    missing = [
        layer for layer in layers if not {"accumulated_mean", "accumulated_var"} <= module.moments.get(layer, {}).keys()
    ]
    if missing:
        raise UserError(
            f"The module must contain the standing statistics of {missing[0]}. BigGAN's modules store them in "
            "variables, BigGAN-deep's modules in the graph: pass the module's directory with saved_model.pb, or "
            "add the graph's constants stack_1, stack_3, stack_6, stack_8, ... to the .npz."
        )
    count = max(float(np.max(module.moments[layer].get("accumulation_counter", 1.0))) for layer in layers)
    divisor, assumed = _divisor(count, module, layers[0], settings.get("accumulators"))
    pairs = {layer: [module.moments[layer][f"accumulated_{part}"] for part in ("mean", "var")] for layer in layers}
    return {
        layer: tuple(np.squeeze(np.asarray(array, np.float32)) / np.float32(divisor) for array in pair)
        for layer, pair in pairs.items()
    }, assumed


def _divisor(count: float, module: ModuleState, first_layer: str, kind: str | None) -> tuple[float, dict]:
    """Returns the divisor that turns accumulators into means, and what was assumed.

    According to their name, accumulators are sums over `count` passes; programs that convert the published modules
    treat them as means. Unless the user decides, the first layer does: its inputs are a linear function of normal
    latents, whose variance follows from the weights.
    """
    if kind not in (None, "sums", "means"):
        raise UserError(f"`accumulators` must be 'sums' or 'means'. Received: accumulators={kind!r}")
    if count <= 1.0 or kind == "means":
        return 1.0, {}
    if kind == "sums":
        return count, {}
    weight, bias = module.state["linear.weight"], module.state["linear.bias"]
    weight = weight / module.state["linear.sv0"]
    # [channels, 4 * 4]: over latents, and over pixels.
    expected = (weight**2).sum(axis=1).reshape(-1, 16).mean(axis=1) + bias.reshape(-1, 16).var(axis=1)
    ratio = np.median(module.moments[first_layer]["accumulated_var"]) / np.median(expected)
    are_means = ratio > 0 and abs(math.log(ratio)) < abs(math.log(ratio / count))
    kind = "means" if are_means else "sums"
    reason = f"{kind} over {count:g} passes, according to the variance of the first layer's inputs"
    return (1.0 if are_means else count), {"accumulators": reason}


def _at_truncation(table: np.ndarray, truncation: float) -> np.ndarray:
    """Returns the row for a truncation from a table `[steps, channels]` for 0 to 1, interpolated linearly."""
    if table.ndim == 1:
        return table
    position = truncation * (len(table) - 1)
    lower = min(int(position), len(table) - 1)
    upper = min(lower + 1, len(table) - 1)
    share = np.float32(position - lower)
    return (1 - share) * table[lower] + share * table[upper]
