"""tfgan-suite: generative adversarial networks on TensorFlow and Keras 3.

    import tfgan_suite as tg

Names are loaded when they are first used, so that importing the package takes milliseconds.
"""

import importlib
import sys

__version__ = "0.1.0"

_PUBLIC = {
    # === Data ===
    "prepare_dataset": "tfgan_suite.preprocessing.pipeline",
    "generate_dataset": "tfgan_suite.preprocessing.generate_dataset",
    "load_dataset": "tfgan_suite.data.loader",
    "DatasetInfo": "tfgan_suite.data.dataset_info",
    "to_float": "tfgan_suite.image_range",
    "to_uint8": "tfgan_suite.image_range",
    # === Models ===
    "GAN": "tfgan_suite.gan",
    "BigGAN": "tfgan_suite.models.biggan.biggan",
    "DCGAN": "tfgan_suite.models.dcgan.dcgan",
    "ProGAN": "tfgan_suite.models.progan.progan",
    "ProGANSchedule": "tfgan_suite.models.progan.progan_schedule",
    "StyleGAN2": "tfgan_suite.models.stylegan2.stylegan2",
    "TextureProGAN": "tfgan_suite.models.progan.texture_progan",
    "GenerativeModel": "tfgan_suite.generative_model",
    "load_model": "tfgan_suite.saving",
    # === Parts of training, passed to compile() ===
    "Adam": "tfgan_suite.adam",
    "ExponentialMovingAverage": "tfgan_suite.ema",
    "GradientGuard": "tfgan_suite.gradient_guard",
    # === Running ===
    "TrainConfig": "tfgan_suite.config",
    "train": "tfgan_suite.training",
    "fit_progressively": "tfgan_suite.models.progan.fit_progressively",
    "resume": "tfgan_suite.training",
    "default_callbacks": "tfgan_suite.callbacks.default_callbacks",
    # === Scores ===
    "evaluate": "tfgan_suite.evaluation",
    "evaluate_real": "tfgan_suite.evaluation",
    "compare": "tfgan_suite.evaluation",
    "Evaluation": "tfgan_suite.evaluation",
    # === Export and serving ===
    "export_network": "tfgan_suite.exports.export_network",
    "export_saved_model": "tfgan_suite.export",
    "load_generator": "tfgan_suite.export",
    # === Errors ===
    "UserError": "tfgan_suite.errors",
    "MissingExtraError": "tfgan_suite.errors",
}
_MODULES = [
    "augment",
    "callbacks",
    "checkpoints",
    "latent_tools",
    "latents",
    "layers",
    "losses",
    "metrics",
    "penalties",
    "serving",
]

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name):
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tfgan_suite.{name}")
    else:
        raise AttributeError(f"module 'tfgan_suite' has no attribute {name!r}. Expected one of: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__():
    return __all__


if "keras" in sys.modules:
    # Then TensorFlow is there already, and `keras.models.load_model` should know our classes.
    importlib.import_module("tfgan_suite.saving").register_classes()
