"""The pipeline of `tfgan_suite.pipeline` on TensorFlow Extended: adapters that call public functions of the package.

TensorFlow Transform, which TFX imports, asks TensorFlow for the old Keras if nothing else was asked for before.
"""

import os
import warnings

os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
# What Google's clients, which TFX imports, say of the Python versions of next year, once for each of a hundred modules.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


def __getattr__(name):
    """`pipelines.PreparedImages`, the name by which Kubeflow finds the type of the artifact; TFX is imported then only."""
    if name == "PreparedImages":
        from pipelines.prepare_images import PreparedImages

        return PreparedImages
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
