"""Converts another project's checkpoint to a directory in the suite's own format, which contains no pickle."""

import dataclasses
import datetime
import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgan_suite.checkpoints.kinds import KINDS
from tfgan_suite.checkpoints.official_model import OfficialModel
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import (
    directory_in_the_making,
    file_sha256,
    flush_all,
    replace_directory,
    restore_replaced,
    write_atomically,
)
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import read_json, reading, typed
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.generative.generative_model import GenerativeModel

MODEL_FILE = "model.keras"
MANIFEST_FILE = "conversion.json"
FORMAT_VERSION = 2


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A checkpoint as a model of the suite, before anything is written.

    Attributes:
        manifest: Dict. Where the model comes from, what it is, and what may be done with it, as JSON values.
        official: The `OfficialModel`: the model, and what was read.
    """

    manifest: dict[str, Any]
    official: OfficialModel

    @property
    def model(self) -> GenerativeModel:
        return self.official.model


def read_conversion(kind: str, source: str | Path, license: str | None = None, **settings: Any) -> Conversion:
    """Reads a model from another project's checkpoint, without executing anything in it.

    Args:
        kind: String. A key of `KINDS`, such as `"nvidia-stylegan2"`.
        source: String or path. The file or directory.
        license: String, or `None`. License of the weights. Defaults to the known license of the kind's published files.
        **settings: Settings of the kind, which override the file, and paths of its additional files.

    Returns:
        A `Conversion`.

    Raises:
        UnsafePickleError: If the file asks for more than weights and settings.
        UserError: If the file does not exist or contains something else, or if a setting is unknown.

    Example:

    >>> model = read_conversion("nvidia-stylegan2", "ffhq.pkl").model
    >>> images = model.generate(4, truncation=0.7)
    """
    if kind not in KINDS:
        raise unknown_name("kind of checkpoint", kind, KINDS)
    known = KINDS[kind].settings + KINDS[kind].further_files
    for name in settings:
        if name not in known:
            raise unknown_name("setting", name, known)
    reader = importlib.import_module(KINDS[kind].module)
    try:
        official = reader.read_official_model(local_path(source), settings)
    except UserError:
        raise
    except (ValueError, TypeError) as error:  # From networks that the file and the settings cannot describe.
        text = " ".join(str(error).split())
        raise UserError(f"{str(source)!r} contains no {kind} that can be built: {text[:600]}") from error
    return Conversion(_describe(official, license, settings), official)


def write_conversion(conversion: Conversion, output_dir: str | Path, overwrite: bool = False) -> Path:
    """Writes `model.keras` and `conversion.json`.

    The directory appears under its final name only after the model has been loaded back, found to have the same weights
    bit for bit, and returned the official weights under their official names.

    Args:
        conversion: A `Conversion`, from `read_conversion`.
        output_dir: String or path. The directory to create.
        overwrite: Boolean. Whether to replace the directory of a previous conversion.

    Returns:
        The directory.

    Raises:
        UserError: If the directory exists and cannot be replaced.

    Example:

    >>> write_conversion(read_conversion("nvidia-stylegan2", "ffhq.pkl"), "converted/ffhq")
    PosixPath('converted/ffhq')
    """
    output_dir = local_path(output_dir)
    restore_replaced(output_dir.parent)
    check_output(output_dir, overwrite)
    with directory_in_the_making(output_dir.parent, f".{output_dir.name}-") as temporary:
        conversion.model.save(temporary / MODEL_FILE)
        _check_same(conversion, temporary / MODEL_FILE)
        manifest = {**conversion.manifest, "model": {"file": MODEL_FILE, "sha256": file_sha256(temporary / MODEL_FILE)}}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        write_atomically(temporary / MANIFEST_FILE, text)
        flush_all(temporary)
        if output_dir.exists():
            replace_directory(temporary, output_dir)
        else:
            temporary.rename(output_dir)
    return output_dir


def check_output(output_dir: Path, overwrite: bool) -> None:
    """Raises `UserError` if the directory exists, unless a conversion wrote it and it may be replaced."""
    if not output_dir.exists() or output_dir.is_dir() and not any(output_dir.iterdir()):
        return
    if not (output_dir / MANIFEST_FILE).is_file():
        raise UserError(
            f"`output_dir` must be a new directory. Received: {str(output_dir)!r}, which exists and was not written by "
            "a conversion."
        )
    if not overwrite:
        raise UserError(
            f"`output_dir` must be a new directory. Received: {str(output_dir)!r}, which already exists. Use "
            "--overwrite to replace it."
        )


def find_manifest(path: str | Path) -> dict[str, Any] | None:
    """Reads the manifest of a converted model.

    Args:
        path: String or path. The directory of a conversion, or its `.keras` file.

    Returns:
        The manifest as a dict; `None` if the path does not belong to a conversion.
    """
    path = local_path(path)
    file = (path.parent if path.suffix == ".keras" else path) / MANIFEST_FILE
    if not file.is_file():
        return None
    what, advice = "the manifest of a conversion", "Convert the checkpoint again."
    manifest = read_json(file, what, advice)
    with reading(file, what, advice):
        if manifest["format_version"] == 1:  # It spelled them `licence` and `licence_from`.
            manifest["license"], manifest["license_from"] = manifest.pop("licence"), manifest.pop("licence_from")
        typed(str | None, manifest["license"], "license")
        source = typed(dict, manifest["source"], "source")
        for name in ("file", "format", "sha256"):
            typed(str, source[name], f"source.{name}")
    return manifest


def _describe(official: OfficialModel, license: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    model = official.model
    networks = {"generator": model.ema_generator}
    if hasattr(model, "discriminator"):
        networks["discriminator"] = model.discriminator
    files = [description for path in official.files for description in _describe_files(path)]
    return {
        "format_version": FORMAT_VERSION,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "source": {
            "file": official.files[0].name,
            "sha256": _sha256_of(official.files[0]),
            "size_bytes": sum(description["size_bytes"] for description in files),
            "format": official.format,
            "files": files,
            "training_set": dict(official.training_set),
        },
        "license": license or official.license,
        "license_from": "the user" if license else official.license_from,
        "class": type(model).__name__,
        "architecture": {name: _architecture(network) for name, network in networks.items()},
        "parameters": {name: count_parameters(network) for name, network in networks.items()},
        "given_settings": {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()},
        "assumed_settings": dict(official.assumed),
        "versions": library_versions(),
    }


def _describe_files(path: Path) -> list[dict[str, Any]]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [
        {
            "file": str(file.relative_to(path.parent)),
            "sha256": file_sha256(file),
            "size_bytes": file.stat().st_size,
        }
        for file in files
    ]


def _sha256_of(path: Path) -> str:
    """Returns the hash of a file; for a directory, the hash of its files' lines `SHA-256  NAME` as in `sha256sum`."""
    if path.is_file():
        return file_sha256(path)
    lines = [f"{description['sha256']}  {description['file']}\n" for description in _describe_files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _architecture(network: keras.Model) -> dict[str, Any]:
    config = network.get_config()
    return {name: value for name, value in config.items() if name not in ("name", "trainable", "dtype", "seed")}


def count_parameters(network: keras.Model) -> int:
    """Counts the trainable numbers, as papers do. Noise maps and averages are not among them."""
    frozen = not network.trainable
    network.trainable = True
    try:
        return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    finally:
        network.trainable = not frozen


def _check_same(conversion: Conversion, file: Path) -> None:
    """Loads the written model and compares every weight, by the suite's names and by the official names."""
    loaded = keras.models.load_model(file)
    for before, after in zip(conversion.model.get_weights(), loaded.get_weights(), strict=True):
        if before.tobytes() != after.tobytes():
            raise RuntimeError("The written model does not have the same weights as the model that was read.")
    for network, state in conversion.official.states.items():
        back = conversion.official.to_state(getattr(loaded, network))
        for name, array in state.items():
            if back[name].tobytes() != array.tobytes():
                raise RuntimeError(f"The weight {name!r} does not convert back to the value that was read.")
