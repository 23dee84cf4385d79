"""Reads checkpoints of BigGAN-PyTorch as models of the suite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_suite.adversarial.pretrained_generator import PretrainedGenerator
from tfgan_suite.checkpoints.biggan_state import biggan_from_state, biggan_state
from tfgan_suite.checkpoints.official_model import OfficialModel, check_positive, checked_weights, with_defaults
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.latents import TruncatedNormal
from tfgan_suite.models.biggan.biggan import BigGAN
from tfgan_suite.untrusted.restricted_unpickler import shown
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights

LICENSE = (
    "Not stated by the file. BigGAN-PyTorch publishes its code, and the weights linked there, under the MIT License"
)
# What a state dict does not contain: the choices of the repository's scripts for ImageNet and CIFAR.
_DEFAULTS = {
    "spectral_norm_epsilon": (1e-6, "as in BigGAN-PyTorch's scripts (--SN_eps)"),
    "batch_norm_epsilon": (1e-5, "the default of BigGAN-PyTorch (--BN_eps)"),
    "batch_norm_momentum": (0.9, "the default of BigGAN-PyTorch; it affects only training"),
}


def read_official_model(source: Path, settings: Mapping[str, Any]) -> OfficialModel:
    """Reads the networks of BigGAN-PyTorch from their `.pth` files, without executing anything in them.

    Args:
        source: Path of the generator to sample from: `G_ema.pth`, or `G.pth` for a run without averaging.
        settings: Dict of settings from `KINDS["biggan-pytorch"]`; `discriminator` and `trained_generator` are paths of
            additional files. Without a discriminator, the model is a `PretrainedGenerator`.

    Returns:
        An `OfficialModel`.

    Raises:
        UnsafePickleError: If a file asks for more than tensors.
        UserError: If a file does not exist, or contains no such network.
    """
    further = {name: Path(settings[name]) for name in ("discriminator", "trained_generator") if name in settings}
    if "trained_generator" in further and "discriminator" not in further:
        raise UserError(
            "`--trained-generator` requires `--discriminator`: without a discriminator, the trained generator has no "
            "use, since images are generated with the averaged generator."
        )
    overrides, assumed = with_defaults(
        {name: value for name, value in settings.items() if name not in further}, _DEFAULTS
    )
    check_positive(overrides, tuple(_DEFAULTS))
    state = read_state(source)
    files = (source, *further.values())
    if "discriminator" not in further:
        generator, _ = biggan_from_state(state, **overrides)
        model = PretrainedGenerator(generator, latent_distribution=TruncatedNormal())
        states = {"ema_generator": state}
    else:
        states = {"ema_generator": state, "discriminator": read_state(further["discriminator"], "discriminator")}
        states["generator"] = read_state(further["trained_generator"]) if "trained_generator" in further else state
        averaged, discriminator = biggan_from_state(state, states["discriminator"], **overrides)
        generator, _ = biggan_from_state(states["generator"], **overrides)
        _check_same(averaged, generator)
        model = BigGAN(generator=generator, discriminator=discriminator)
        model.ema_generator.set_weights(averaged.get_weights())
    license_from = "the default for BigGAN-PyTorch's files; the file itself states none"
    return OfficialModel(model, "BigGAN-PyTorch", files, LICENSE, license_from, states, biggan_state, assumed)


def _check_same(averaged, trained):
    own, other = (
        {name: value for name, value in network.get_config().items() if name != "name"}
        for network in (averaged, trained)
    )
    if own != other:
        differing = ", ".join(f"{name} {own[name]} and {other[name]}" for name in own if own[name] != other[name])
        raise UserError(
            f"The averaged and the trained generator must have the same architecture. Received: {differing}"
        )


def read_state(path: Path, network: str = "generator") -> dict[str, np.ndarray]:
    """Reads the weights of one file, with the names of networks without wrappers.

    Networks that were trained on several GPUs have the prefix `module.` before all names, and those with other kinds of
    batch normalization store their moments in a sublayer, `bn`.

    Raises:
        UnsafePickleError: If the file asks for more than tensors.
        UserError: If the file does not exist, or contains something else.
    """
    weights = read_pytorch_weights(path)
    weights = {name: array for name, array in weights.items() if not name.endswith("num_batches_tracked")}
    if all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): array for name, array in weights.items()}
    found = (
        "discriminator" if "embed.weight" in weights else "generator" if "output_layer.2.weight" in weights else None
    )
    if found != network:
        hint = "It contains the state of a training or an optimizer." if found is None else f"It contains a {found}."
        known = ", ".join(map(shown, sorted(weights)[:4]))
        raise UserError(
            f"{str(path)!r} must contain the weights of a BigGAN {network} from BigGAN-PyTorch. {hint} Received: "
            f"{known}, ... BigGAN-PyTorch writes G_ema.pth and G.pth (generators) and D.pth (the discriminator)."
        )
    return _plain_statistics(checked_weights(weights))


def _plain_statistics(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Renames the moments of all kinds of batch normalization to `stored_mean` and `stored_var`."""
    state = {}
    for name, array in weights.items():
        layer, _, part = name.rpartition(".")
        kind = {"stored_mean": "mean", "running_mean": "mean", "stored_var": "var", "running_var": "var"}.get(part)
        if part == "accumulation_counter":
            continue
        if kind is not None:
            # Standing statistics are stored as sums, together with their count.
            count = float(np.max(weights.get(f"{layer}.accumulation_counter", 0.0)))
            array = array / np.float32(count) if count > 0 else array
            name = f"{layer.removesuffix('.bn')}.stored_{kind}"
        state[name] = array
    return state
