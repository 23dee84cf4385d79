"""Reads the weights of the Inception of December 2015 from files, which are checked by hash and never run."""

import hashlib
import http.client
import logging
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256, write_atomically
from tfgan_suite.metrics.features.inception_2015_formats import (
    MAX_FILE_BYTES,
    SAVED_MODEL_FILE,
    from_port,
    from_protobuf,
    unpack,
)
from tfgan_suite.metrics.protocol.cache import cache_directory
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights

_LOGGER = logging.getLogger(__name__)
PORT_FILE = "pt_inception-2015-12-05-6726825d.pth"
PORT_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{PORT_FILE}"
# Files whose hash is published. For the original archive, its graph, and the TF-Hub module, no SHA-256 is published.
PUBLISHED_SHA256 = {"6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2": PORT_FILE}
_PORT_SIZE_BYTES = 95_628_359


@dataclass(frozen=True)
class InceptionWeights:
    """The weights in a file.

    Args:
        arrays: Mapping `{name: array}` with the names of the original graph, see `build_inception_2015`.
        sha256: String. SHA-256 of the arrays, which is the same for the same numbers, regardless of the file's format.
        file: String. Name of the file.
        file_sha256: String. SHA-256 of the file.
        published: Boolean. Whether `file_sha256` is a published hash.
    """

    arrays: Mapping[str, np.ndarray]
    sha256: str
    file: str
    file_sha256: str
    published: bool


def read_inception_2015(path: str | Path, sha256: str | None = None) -> InceptionWeights:
    """Reads the weights from a file in any supported format, which is detected from its content.

    Args:
        path: String or path of one of these: `inception-2015-12-05.tgz`, or the `classify_image_graph_def.pb` in it;
            TF-GAN's module from TF-Hub (`tfgan/eval/inception/1`) as downloaded (`.tar.gz`), its directory, or the
            `saved_model.pb` in it; the state dict of pytorch-fid and torch-fidelity
            (`pt_inception-2015-12-05-6726825d.pth`).
        sha256: String or `None`. The expected SHA-256 of the file (for a directory, of its `saved_model.pb`). Required
            for files whose hash is not published; by passing it, you confirm that you trust this file.

    Returns:
        The `InceptionWeights`.

    Raises:
        UserError: If the file does not exist, its hash is unknown or not the expected one, or it does not contain these
            weights.
    """
    path = Path(path)
    path = path / SAVED_MODEL_FILE if path.is_dir() else path
    if not path.is_file():
        raise UserError(
            f"`path` must be a file with the weights of Inception, but it does not exist. Received: path={str(path)!r}"
        )
    found = file_sha256(path)
    _check_hash(path, found, sha256)
    with open(path, "rb") as file:
        start = file.read(2)
    if start[:1] in (b"\x80", b"P"):  # A pickle or a zip archive: PyTorch's two formats.
        arrays = from_port(read_pytorch_weights(path))
    elif start == b"\x1f\x8b":
        arrays = from_protobuf(unpack(path))
    else:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(
                f"`path` must be a file of about 95 MB. Received: path={str(path)!r} with {path.stat().st_size} bytes"
            )
        arrays = from_protobuf(path.read_bytes())
    return InceptionWeights(arrays, _hash_arrays(arrays), path.name, found, found in PUBLISHED_SHA256)


def download_inception_2015(directory: str | Path | None = None) -> Path:
    """Downloads the weights of the PyTorch port (96 MB, from pytorch-fid's release on GitHub) if necessary.

    Args:
        directory: String, path, or `None`. Directory for the file. Defaults to
            `tfgan_suite.metrics.protocol.cache.cache_directory()`.

    Returns:
        A `pathlib.Path`. The path of the file, whose SHA-256 is the published one.

    Raises:
        UserError: If the download fails, or yields a different file.

    Example:

    >>> Inception2015(download_inception_2015("data/weights"))
    """
    path = (Path(directory) if directory is not None else cache_directory()) / PORT_FILE
    if path.is_file():
        _check_hash(path, file_sha256(path), None)
        return path
    _LOGGER.warning("Downloading %s (%d MB) to %s.", PORT_URL, round(_PORT_SIZE_BYTES / 1e6), path)
    try:
        with urllib.request.urlopen(PORT_URL, timeout=60) as response:
            content = response.read(_PORT_SIZE_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"Could not download {PORT_URL}: {error}. Download it by other means and pass its path instead."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found not in PUBLISHED_SHA256:
        raise UserError(
            f"{PORT_URL} returned {len(content)} bytes with SHA-256 {found}, not the published file of "
            f"{_PORT_SIZE_BYTES} bytes. Nothing was stored."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return path


def _check_hash(path: Path, found: str, sha256: str | None) -> None:
    if sha256 is not None and found != sha256.lower():
        raise UserError(f"{str(path)!r} must have the SHA-256 {sha256}. Received: {found}")
    if sha256 is None and found not in PUBLISHED_SHA256:
        raise UserError(
            f"{str(path)!r} has the SHA-256 {found}, which is not that of a published file "
            f"({', '.join(PUBLISHED_SHA256.values())}; none is published for the original graph or the TF-Hub module). "
            f"If you know where the file comes from and trust it, pass sha256={found!r}, or on the command line "
            f"--extractor-weights-sha256 {found}."
        )


def _hash_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256 of the arrays in the order of their names, including names and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name], "<f4").tobytes())
    return digest.hexdigest()
