"""From a checkpoint in somebody else's format to a directory with our own, which holds no pickle."""

import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgan_suite.checkpoints.nvidia_stylegan2 import OfficialStyleGAN2, read_nvidia_stylegan2
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_from_state, stylegan2_to_state
from tfgan_suite.errors import UserError, unknown_name
from tfgan_suite.files import file_sha256
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2
from tfgan_suite.versions import library_versions

MODEL_FILE = "model.keras"
MANIFEST_FILE = "conversion.json"
FORMAT_VERSION = 1

NVIDIA_LICENCE = "NVIDIA Source Code License-NC or CC BY-NC 4.0, as the weights' page says: no commercial use"
# What the user may say better than the file.
SETTINGS = (
    "conv_clamp",
    "mapping_learning_rate_multiplier",
    "minibatch_stddev_group_size",
    "num_mixed_precision_resolutions",
    "resample_filter",
)


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A checkpoint as a model of the suite, before anything is written.

    Attributes:
        model: The model.
        manifest: Where it comes from, what it is and what may be done with it, as JSON values.
        official: What was read.
    """

    model: StyleGAN2
    manifest: dict[str, Any]
    official: OfficialStyleGAN2


def read_conversion(source: str | Path, licence: str | None = None, **settings: Any) -> Conversion:
    """Reads a StyleGAN2 out of one of NVIDIA's pickles, and executes nothing in it.

    Args:
        source: A `.pkl` file: TensorFlow (stylegan2, stylegan2-ada) or PyTorch (stylegan2-ada-pytorch, stylegan3).
        licence: Of the weights; by default that of NVIDIA's own files, which forbids commercial use.
        **settings: Out of `SETTINGS`, instead of what the file says.

    Raises:
        UnsafePickleError: The file asks for more than weights and settings.
        UserError: There is no such file, it holds no complete StyleGAN2, or a setting is unknown.

    Example:

    >>> model = read_conversion("ffhq.pkl").model
    >>> images = model.generate(4, truncation=0.7)
    """
    source = Path(source)
    for name in settings:
        if name not in SETTINGS:
            raise unknown_name("setting", name, SETTINGS)
    official = read_nvidia_stylegan2(source)
    if official.discriminator_state is None:
        raise UserError(f"Expected a generator and a discriminator in {str(source)!r}. It has no discriminator.")
    from_file = {name: value for name, value in official.settings.items() if _plain_name(name) not in settings}
    model = _build(official, {**from_file, **settings})
    return Conversion(model, _describe(source, official, model, licence, settings), official)


def write_conversion(conversion: Conversion, output_dir: str | Path, overwrite: bool = False) -> Path:
    """Writes `model.keras` and `conversion.json`.

    The directory appears under its name only when the model has been loaded again, has the same weights bit for bit,
    and gives the official weights back under their official names.

    Args:
        conversion: What `read_conversion` returned.
        output_dir: The directory to make.
        overwrite: Whether to replace one that a conversion wrote before.

    Returns:
        The directory.

    Raises:
        UserError: The directory exists.

    Example:

    >>> write_conversion(read_conversion("ffhq.pkl"), "converted/ffhq")
    PosixPath('converted/ffhq')
    """
    output_dir = Path(output_dir)
    check_output(output_dir, overwrite)
    with _appearing(output_dir) as temporary:
        conversion.model.save(temporary / MODEL_FILE)
        _check_same(conversion, temporary / MODEL_FILE)
        manifest = {**conversion.manifest, "model": {"file": MODEL_FILE, "sha256": file_sha256(temporary / MODEL_FILE)}}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (temporary / MANIFEST_FILE).write_text(text, "utf-8")
    return output_dir


def check_output(output_dir: Path, overwrite: bool) -> None:
    """Refuses a directory that exists, unless it is a conversion's and may be replaced."""
    if not output_dir.exists() or output_dir.is_dir() and not any(output_dir.iterdir()):
        return
    if not (output_dir / MANIFEST_FILE).is_file():
        raise UserError(f"{str(output_dir)!r} exists and was not written by a conversion. Expected a new directory.")
    if not overwrite:
        raise UserError(f"{str(output_dir)!r} exists already. Expected a new directory, or --overwrite.")


def find_manifest(path: str | Path) -> dict[str, Any] | None:
    """What is known of a converted model.

    Args:
        path: The directory of a conversion, or the `.keras` file in it.

    Returns:
        The manifest; `None` if the path is none of a conversion.
    """
    path = Path(path)
    file = (path.parent if path.suffix == ".keras" else path) / MANIFEST_FILE
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


def _plain_name(name: str) -> str:
    return name.removeprefix("generator_").removeprefix("discriminator_")


def _build(official: OfficialStyleGAN2, settings: Mapping[str, Any]) -> StyleGAN2:
    try:
        averaged, discriminator = stylegan2_from_state(
            official.generator_state, official.discriminator_state, **settings
        )
        trained = averaged
        if official.trained_generator_state is not None:
            own = {
                name: value for name, value in settings.items() if not name.startswith(("minibatch", "discriminator"))
            }
            trained, _ = stylegan2_from_state(official.trained_generator_state, **own)
        model = StyleGAN2(generator=trained, discriminator=discriminator)
    except (ValueError, TypeError) as error:
        text = " ".join(str(error).split())
        raise UserError(f"The file holds no StyleGAN2 that can be built: {text[:600]}") from error
    model.ema_generator.set_weights(averaged.get_weights())
    return model


def _describe(
    source: Path, official: OfficialStyleGAN2, model: StyleGAN2, licence: str | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    networks = {"generator": model.ema_generator, "discriminator": model.discriminator}
    return {
        "format_version": FORMAT_VERSION,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "source": {
            "file": source.name,
            "sha256": file_sha256(source),
            "size_bytes": source.stat().st_size,
            "format": f"NVIDIA StyleGAN2, {official.format}",
            "training_set": official.training_set,
        },
        "licence": licence or NVIDIA_LICENCE,
        "licence_from": "the user" if licence else "the default for NVIDIA's files; the file itself states none",
        "class": type(model).__name__,
        "architecture": {name: _architecture(network) for name, network in networks.items()},
        "parameters": {name: count_parameters(network) for name, network in networks.items()},
        "given_settings": dict(settings),
        "assumed_settings": {name: why for name, why in official.assumed.items() if name not in settings},
        "versions": library_versions(),
    }


def _architecture(network: keras.Model) -> dict[str, Any]:
    config = network.get_config()
    return {name: value for name, value in config.items() if name not in ("name", "trainable", "dtype", "seed")}


def count_parameters(network: keras.Model) -> int:
    """Numbers that training moves: what papers count. Noise images and averages are not among them."""
    frozen = not network.trainable
    network.trainable = True
    try:
        return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    finally:
        network.trainable = not frozen


def _check_same(conversion: Conversion, file: Path) -> None:
    """Loads what was written and compares every weight, by our names and by the official ones."""
    loaded = keras.models.load_model(file)
    for before, after in zip(conversion.model.get_weights(), loaded.get_weights(), strict=True):
        if before.tobytes() != after.tobytes():
            raise RuntimeError("The model that was written does not have the weights of the one that was read.")
    for network, state in (
        (loaded.ema_generator, conversion.official.generator_state),
        (loaded.generator, conversion.official.trained_generator_state or conversion.official.generator_state),
        (loaded.discriminator, conversion.official.discriminator_state),
    ):
        back = stylegan2_to_state(network)
        for name, array in state.items():
            if not name.endswith("resample_filter") and back[name].tobytes() != array.tobytes():
                raise RuntimeError(f"The weight {name!r} does not come back as it was read.")


@contextlib.contextmanager
def _appearing(directory: Path) -> Iterator[Path]:
    """A directory beside the final one, which takes its name when all is done."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = directory.with_name(f".{directory.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        yield temporary
        if directory.exists():
            shutil.rmtree(directory)
        temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
