"""Reads ProGAN from the authors' TensorFlow pickles: networks with the settings stated in the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgan_suite.checkpoints.official_model import OfficialModel, checked_weights, with_defaults
from tfgan_suite.checkpoints.progan_state import progan_from_state, progan_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.untrusted.nvidia_pickle import NetworkRecord, read_network_pickle
from tfgan_suite.untrusted.restricted_unpickler import shown

# Settings that become arguments of `progan_from_state`.
_ARGUMENTS = {
    "latent_size": "latent_size",
    "normalize_latents": "normalize_latents",
    "mbstd_group_size": "minibatch_stddev_group_size",
}
# Settings that follow from the names and shapes of the weights, or that affect no number.
_IMPLIED = {
    *("num_channels", "resolution", "label_size", "fmap_base", "fmap_decay", "fmap_max", "fused_scale"),
    *("dtype", "structure", "is_template_graph", "mbstd_num_features"),
}
# Settings with the only value that the suite's networks support.
_FIXED = {"use_wscale": True, "use_pixelnorm": True, "use_leakyrelu": True, "pixelnorm_epsilon": 1e-8}


LICENSE = "CC BY-NC 4.0, as stated by the authors for ProGAN's code and weights: no commercial use"
_DEFAULTS = {
    "minibatch_stddev_group_size": (4, "the default of the discriminator in the paper's code"),
    "normalize_latents": (True, "the default of the generator in the paper's code"),
}


def read_official_model(source: Path, settings: Mapping[str, Any]) -> OfficialModel:
    """Reads a ProGAN from a pickle of the tuple `(G, D, Gs)`, without executing anything in the file.

    Args:
        source: Path of a `.pkl` file from the authors' TensorFlow code.
        settings: Dict of settings from `KINDS["nvidia-progan"].settings`, which override the file.

    Returns:
        An `OfficialModel`.

    Raises:
        UnsafePickleError: If the file asks for more than weights and settings.
        UserError: If the file does not exist, contains other networks, or contains a ProGAN with settings that the
            suite's networks do not support.
    """
    content = read_network_pickle(source)
    records = {
        "ema_generator": content.averaged_generator,
        "generator": content.generator,
        "discriminator": content.discriminator,
    }
    if content.format != "tensorflow" or None in records.values():
        raise UserError(f"{str(source)!r} must contain the three TensorFlow networks of a ProGAN.")
    stated = {**_arguments(content.averaged_generator), **_arguments(content.discriminator)}
    chosen, assumed = with_defaults({**stated, **settings}, _DEFAULTS)
    classes = content.averaged_generator.setting("", "label_size", 0)
    if classes:
        chosen["num_classes"] = classes
    weights = {name: checked_weights(record.variables) for name, record in records.items()}
    averaged, discriminator = progan_from_state(weights["ema_generator"], weights["discriminator"], **chosen)
    generator, _ = progan_from_state(weights["generator"], weights["discriminator"], **chosen)
    model = ProGAN(generator=generator, discriminator=discriminator)
    model.ema_generator.set_weights(averaged.get_weights())
    # Networks that were still growing are sampled at the level they had reached.
    model.level_of_detail.assign(weights["ema_generator"].get("lod", 0.0))
    states = {
        network: {name: array for name, array in state.items() if name != "lod"} for network, state in weights.items()
    }
    license_from = "the default for the authors' files; the file itself states none"
    return OfficialModel(
        model, "NVIDIA ProGAN, tensorflow", (source,), LICENSE, license_from, states, progan_state, assumed
    )


def _arguments(record: NetworkRecord) -> dict:
    """Returns arguments for `progan_from_state` from a network's settings; raises for unsupported ones."""
    settings = record.settings.get("", {})
    refused = {
        name: value
        for name, value in settings.items()
        if name not in {*_ARGUMENTS, *_IMPLIED} and not (name in _FIXED and _FIXED[name] == value)
    }
    if refused:
        stated = ", ".join(f"{shown(name)}: {shown(value)}" for name, value in refused.items())
        raise UserError(
            f"The network {shown(record.class_name)} in the file has settings that `ProGAN` does not support: "
            f"{stated}. If they affect no number, build it from the weights alone, with read_network_pickle "
            "and progan_from_state."
        )
    return {argument: settings[name] for name, argument in _ARGUMENTS.items() if settings.get(name) is not None}
