"""The pipeline of `tfgan_suite.release` on TensorFlow Extended (TFX): adapters that call functions of the package.

TensorFlow Transform, which TFX imports, requests the legacy Keras from TensorFlow by default.
"""

import os
import warnings

os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
# Google's client libraries, which TFX imports, warn in each of a hundred modules about Python versions of next year.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


def __getattr__(name):
    """Imports `PreparedImages`, which Kubeflow looks up under this name, and with it TFX, only on demand."""
    if name == "PreparedImages":
        from pipelines.prepare_images import PreparedImages

        return PreparedImages
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
