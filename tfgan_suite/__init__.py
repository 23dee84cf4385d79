"""tfgan-suite: generative adversarial networks on TensorFlow and Keras 3.

    import tfgan_suite as tg

Names are loaded when they are first used, so that importing the package takes milliseconds.
"""

import importlib
import sys

from tfgan_suite.foundation.version import __version__

_PUBLIC = {
    # === Data ===
    "prepare_dataset": "tfgan_suite.preprocessing.prepare_dataset",
    "generate_dataset": "tfgan_suite.preprocessing.generate_dataset",
    "load_dataset": "tfgan_suite.data.loader",
    "DatasetInfo": "tfgan_suite.data.dataset_info",
    "PreparedSet": "tfgan_suite.data.prepared_set",
    "to_float": "tfgan_suite.specs.image_range",
    "to_uint8": "tfgan_suite.specs.image_range",
    # === Models ===
    "GAN": "tfgan_suite.adversarial.gan",
    "BigGAN": "tfgan_suite.models.biggan.biggan",
    "DCGAN": "tfgan_suite.models.dcgan.dcgan",
    "GAT": "tfgan_suite.models.gat.gat",
    "Glow": "tfgan_suite.models.glow.glow",
    "MaskedTokenTransformer": "tfgan_suite.models.token_transformer.masked_token_transformer",
    "MoCoGAN": "tfgan_suite.models.mocogan.mocogan",
    "PixelCNN": "tfgan_suite.models.pixelcnn.pixelcnn",
    "ProGAN": "tfgan_suite.models.progan.progan",
    "ProGANSchedule": "tfgan_suite.models.progan.progan_schedule",
    "R3GAN": "tfgan_suite.models.r3gan.r3gan",
    "StyleGAN2": "tfgan_suite.models.stylegan2.stylegan2",
    "TokenTransformer": "tfgan_suite.models.token_transformer.token_transformer",
    "TwoStageModel": "tfgan_suite.models.two_stage.two_stage_model",
    "VAE": "tfgan_suite.models.vae.vae",
    "VAEGAN": "tfgan_suite.models.vaegan.vaegan",
    "VDVAE": "tfgan_suite.models.vdvae.vdvae",
    "VQVAE": "tfgan_suite.models.vqvae.vqvae",
    "WaveGAN": "tfgan_suite.models.wavegan.wavegan",
    "TarFlow": "tfgan_suite.models.tarflow.tarflow",
    "TextureProGAN": "tfgan_suite.models.progan.texture_progan",
    "GenerativeModel": "tfgan_suite.generative.generative_model",
    "load_model": "tfgan_suite.models.saving",
    "all_presets": "tfgan_suite.models.catalogue",
    "register_model": "tfgan_suite.models.catalogue",
    # === Parts of training, passed to compile() ===
    "Adam": "tfgan_suite.engine.adam",
    "ExponentialMovingAverage": "tfgan_suite.engine.exponential_moving_average",
    "GradientGuard": "tfgan_suite.engine.gradient_guard",
    "CosineSchedule": "tfgan_suite.engine.schedule",
    "LinearSchedule": "tfgan_suite.engine.schedule",
    # === To make models of your own ===
    "TrainedModel": "tfgan_suite.engine.trained_model",
    "Update": "tfgan_suite.engine.update",
    "Objective": "tfgan_suite.engine.update",
    "ExampleSpec": "tfgan_suite.specs.example_spec",
    "ImageSpec": "tfgan_suite.specs.image_spec",
    "LogMel": "tfgan_suite.audio.log_mel",
    "LogMelSpec": "tfgan_suite.specs.log_mel_spec",
    "TextSpec": "tfgan_suite.specs.text_spec",
    "TokenSpec": "tfgan_suite.specs.token_spec",
    "VideoSpec": "tfgan_suite.specs.video_spec",
    "WaveformSpec": "tfgan_suite.specs.waveform_spec",
    "register_example_spec": "tfgan_suite.specs.example_spec",
    # === Running ===
    "TrainConfig": "tfgan_suite.runs.train_config",
    "train": "tfgan_suite.runs.train",
    "fit_progressively": "tfgan_suite.models.progan.fit_progressively",
    "resume": "tfgan_suite.runs.train",
    "default_callbacks": "tfgan_suite.callbacks.default_callbacks",
    # === Scores ===
    "evaluate": "tfgan_suite.metrics.protocol.evaluation",
    "evaluate_real": "tfgan_suite.metrics.protocol.evaluation",
    "compare": "tfgan_suite.metrics.protocol.evaluation",
    "Evaluation": "tfgan_suite.metrics.protocol.evaluation",
    # === Export and serving ===
    "export_network": "tfgan_suite.exports.export_network",
    "export_saved_model": "tfgan_suite.exports.saved_model",
    "load_generator": "tfgan_suite.exports.saved_model",
    # === Errors ===
    "UserError": "tfgan_suite.foundation.errors",
    "MissingExtraError": "tfgan_suite.foundation.errors",
}
_MODULES = {
    "abilities": "tfgan_suite.generative.abilities",
    "augment": "tfgan_suite.adversarial.augment",
    "callbacks": "tfgan_suite.callbacks",
    "checkpoints": "tfgan_suite.checkpoints",
    "distributions": "tfgan_suite.likelihood.distributions",
    "divergences": "tfgan_suite.likelihood.divergences",
    "latent_tools": "tfgan_suite.latent_tools",
    "latents": "tfgan_suite.generative.latents",
    "layers": "tfgan_suite.layers",
    "losses": "tfgan_suite.adversarial.losses",
    "metrics": "tfgan_suite.metrics",
    "penalties": "tfgan_suite.adversarial.penalties",
    "quantizers": "tfgan_suite.layers.quantizers",
    "reconstruction_losses": "tfgan_suite.likelihood.reconstruction_losses",
    "serving": "tfgan_suite.serving",
}

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name):
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'tfgan_suite' has no attribute {name!r}. Expected one of: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__():
    return __all__


if "keras" in sys.modules:
    # Then TensorFlow is there already, and `keras.models.load_model` should know our classes.
    importlib.import_module("tfgan_suite.models.saving").register_classes()
