"""ProGAN out of the authors' TensorFlow pickles: networks with the settings that the file states."""

from pathlib import Path

from tfgan_suite.checkpoints.nvidia_pickle import NetworkRecord, read_network_pickle
from tfgan_suite.checkpoints.progan_state import progan_from_state
from tfgan_suite.checkpoints.restricted_unpickler import shown
from tfgan_suite.errors import UserError

# Settings that become arguments of `progan_from_state`.
_ARGUMENTS = {
    "latent_size": "latent_size",
    "normalize_latents": "normalize_latents",
    "mbstd_group_size": "minibatch_stddev_group_size",
}
# Settings that names and shapes of the weights tell already, or that change no number.
_TOLD = {
    *("num_channels", "resolution", "label_size", "fmap_base", "fmap_decay", "fmap_max", "fused_scale"),
    *("dtype", "structure", "is_template_graph", "mbstd_num_features"),
}
# Settings with the one value that the networks here have.
_FIXED = {"use_wscale": True, "use_pixelnorm": True, "use_leakyrelu": True, "pixelnorm_epsilon": 1e-8}


def progan_from_pickle(path: str | Path, averaged: bool = True, **overrides):
    """Builds ProGAN's networks from a `.pkl` file of the tuple `(G, D, Gs)`; nothing in the file is executed.

    Args:
        path: The file.
        averaged: Whether to take the averaged generator `Gs`, which images are made with, or `G` as it was trained.
        **overrides: As for `progan_from_state`; they replace what the file states.

    Returns:
        A `ProGANGenerator` and a `ProGANDiscriminator`.

    Raises:
        UnsafePickleError: The file asks for more than weights and settings.
        UserError: The file holds other networks, or ProGANs with settings that the networks here do not have.
    """
    content = read_network_pickle(path)
    generator = content.averaged_generator if averaged else content.generator
    if content.format != "tensorflow" or generator is None or content.discriminator is None:
        raise UserError(f"Expected the three TensorFlow networks of a ProGAN in {str(path)!r}.")
    settings = {**_arguments(generator), **_arguments(content.discriminator)}
    classes = generator.setting("", "label_size", 0)
    if classes:
        settings["num_classes"] = classes
    return progan_from_state(generator.variables, content.discriminator.variables, **{**settings, **overrides})


def _arguments(record: NetworkRecord) -> dict:
    """Arguments for `progan_from_state` from a network's settings; refuses those that cannot be had."""
    settings = record.settings.get("", {})
    refused = {
        name: value
        for name, value in settings.items()
        if name not in {*_ARGUMENTS, *_TOLD} and not (name in _FIXED and _FIXED[name] == value)
    }
    if refused:
        stated = ", ".join(f"{shown(name)}: {shown(value)}" for name, value in refused.items())
        raise UserError(
            f"The file's network {shown(record.class_name)} has settings that the ProGAN here does not have: {stated}. "
            "If they change no number, read_network_pickle and progan_from_state build it from the weights alone."
        )
    return {argument: settings[name] for name, argument in _ARGUMENTS.items() if settings.get(name) is not None}
