"""Versions of the libraries with which a score or an exported model was produced."""

import platform

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.version import __version__


def library_versions() -> dict[str, str]:
    """Returns the versions by name, for provenance."""
    return {
        "tfgan_suite": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
