"""Checkpoints of BigGAN-PyTorch as models of the suite."""

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
    "Not stated by the file. BigGAN-PyTorch publishes its code, and the weights linked there, under the MIT license"
)
# What a state dict does not tell: the choices of the repository's scripts for ImageNet and CIFAR.
_DEFAULTS = {
    "spectral_norm_epsilon": (1e-6, "as BigGAN-PyTorch's scripts say (--SN_eps)"),
    "batch_norm_epsilon": (1e-5, "as BigGAN-PyTorch does by itself (--BN_eps)"),
    "batch_norm_momentum": (0.9, "as BigGAN-PyTorch does by itself; it matters to training alone"),
}


def read_official_model(source: Path, settings: Mapping[str, Any]) -> OfficialModel:
    """Reads the networks of BigGAN-PyTorch out of their `.pth` files; nothing in them is executed.

    Args:
        source: The generator that images are made with: `G_ema.pth`, or `G.pth` of a run without averaging.
        settings: Out of `KINDS["biggan-pytorch"]`: `discriminator` and `trained_generator` are paths of further files.
            Without a discriminator the model is a `PretrainedGenerator`.

    Raises:
        UnsafePickleError: A file asks for more than tensors.
        UserError: There is no such file, or it holds no such network.
    """
    further = {name: Path(settings[name]) for name in ("discriminator", "trained_generator") if name in settings}
    if "trained_generator" in further and "discriminator" not in further:
        raise UserError(
            "Expected --discriminator with --trained-generator: without one there is nothing that the trained generator "
            "is for. Images are made with the averaged generator alone."
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
        raise UserError(f"Expected an averaged and a trained generator of one architecture. Received: {differing}")


def read_state(path: Path, network: str = "generator") -> dict[str, np.ndarray]:
    """The weights of one file under the names of networks without wrappers.

    Networks that were trained on several GPUs have `module.` before all names, and those with other kinds of batch
    normalisation keep their moments in a part of it, `bn`.

    Raises:
        UnsafePickleError: The file asks for more than tensors.
        UserError: There is no such file, or it holds something else.
    """
    weights = read_pytorch_weights(path)
    weights = {name: array for name, array in weights.items() if not name.endswith("num_batches_tracked")}
    if all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): array for name, array in weights.items()}
    found = (
        "discriminator" if "embed.weight" in weights else "generator" if "output_layer.2.weight" in weights else None
    )
    if found != network:
        hint = "These are its training state or its optimizer's." if found is None else f"These are a {found}'s."
        known = ", ".join(map(shown, sorted(weights)[:4]))
        raise UserError(
            f"Expected the weights of a BigGAN {network} by BigGAN-PyTorch in {str(path)!r}. {hint} Received: {known}, ... "
            "BigGAN-PyTorch writes G_ema.pth and G.pth (generators) and D.pth (the discriminator)."
        )
    return _plain_statistics(checked_weights(weights))


def _plain_statistics(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Moments of all kinds of batch normalisation as `stored_mean` and `stored_var`."""
    state = {}
    for name, array in weights.items():
        layer, _, part = name.rpartition(".")
        kind = {"stored_mean": "mean", "running_mean": "mean", "stored_var": "var", "running_var": "var"}.get(part)
        if part == "accumulation_counter":
            continue
        if kind is not None:
            # Standing statistics are kept as sums, with their number beside them.
            count = float(np.max(weights.get(f"{layer}.accumulation_counter", 0.0)))
            array = array / np.float32(count) if count > 0 else array
            name = f"{layer.removesuffix('.bn')}.stored_{kind}"
        state[name] = array
    return state
