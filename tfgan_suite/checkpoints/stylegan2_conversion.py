"""Reads NVIDIA's StyleGAN2 pickles as models of the suite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgan_suite.checkpoints.nvidia_stylegan2 import OfficialStyleGAN2, read_nvidia_stylegan2
from tfgan_suite.checkpoints.official_model import OfficialModel
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_from_state, stylegan2_to_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2

LICENSE = "NVIDIA Source Code License-NC or CC BY-NC 4.0, according to the weights' page: no commercial use"


def read_official_model(source: Path, settings: Mapping[str, Any]) -> OfficialModel:
    """Reads a StyleGAN2 from one of NVIDIA's pickles, without executing anything in it.

    Args:
        source: Path of a `.pkl` file: TensorFlow (stylegan2, stylegan2-ada) or PyTorch (stylegan2-ada-pytorch,
            stylegan3).
        settings: Dict of settings from `KINDS["nvidia-stylegan2"].settings`, which override the file.

    Returns:
        An `OfficialModel`.

    Raises:
        UnsafePickleError: If the file asks for more than weights and settings.
        UserError: If the file does not exist, or contains no complete StyleGAN2.
    """
    official = read_nvidia_stylegan2(source)
    if official.discriminator_state is None:
        raise UserError(
            f"{str(source)!r} must contain a generator and a discriminator. Received: a file with no discriminator."
        )
    from_file = {name: value for name, value in official.settings.items() if _plain_name(name) not in settings}
    states = {
        "ema_generator": official.generator_state,
        "generator": official.trained_generator_state or official.generator_state,
        "discriminator": official.discriminator_state,
    }
    return OfficialModel(
        _build(official, {**from_file, **settings}),
        f"NVIDIA StyleGAN2, {official.format}",
        (source,),
        LICENSE,
        "the default for NVIDIA's files; the file itself states none",
        # The filter is a setting of the suite, not a weight.
        {
            network: {name: array for name, array in state.items() if not name.endswith("resample_filter")}
            for network, state in states.items()
        },
        stylegan2_to_state,
        {name: why for name, why in official.assumed.items() if name not in settings},
        official.training_set,
    )


def _plain_name(name: str) -> str:
    return name.removeprefix("generator_").removeprefix("discriminator_")


def _build(official: OfficialStyleGAN2, settings: Mapping[str, Any]) -> StyleGAN2:
    averaged, discriminator = stylegan2_from_state(official.generator_state, official.discriminator_state, **settings)
    trained = averaged
    if official.trained_generator_state is not None:
        own = {name: value for name, value in settings.items() if not name.startswith(("minibatch", "discriminator"))}
        trained, _ = stylegan2_from_state(official.trained_generator_state, **own)
    model = StyleGAN2(generator=trained, discriminator=discriminator)
    model.ema_generator.set_weights(averaged.get_weights())
    return model
