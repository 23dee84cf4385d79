"""TF-GAN's own modules, without what its package imports at the top and TensorFlow no longer has."""

import importlib
import importlib.machinery
import pathlib
import sys
import types

import pytest

_PACKAGES = ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.losses", "tensorflow_gan.python.eval")


def load_tfgan(*names):
    """Modules below `tensorflow_gan.python`, such as `"losses.losses_impl"`; skips the test without `[gan-metrics]`.

    The packages above them are bound bare: their own `__init__` imports estimators, which TensorFlow has dropped.
    """
    spec = importlib.machinery.PathFinder.find_spec("tensorflow_gan")
    if spec is None:
        pytest.skip("Needs the extra [gan-metrics].")
    root = pathlib.Path(spec.origin).parent
    for package in _PACKAGES:
        if package not in sys.modules:
            module = types.ModuleType(package)
            module.__spec__ = importlib.machinery.ModuleSpec(package, None, is_package=True)
            module.__path__ = [str(root.joinpath(*package.split(".")[1:]))]
            sys.modules[package] = module
    return [importlib.import_module(f"tensorflow_gan.python.{name}") for name in names]
