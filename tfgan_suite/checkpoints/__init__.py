"""Conversion of weights from other projects' checkpoints."""

import importlib

# Loaded on first use: reading files needs no networks, and building networks needs no file readers.
_PUBLIC = {
    "stylegan2_from_state": "tfgan_suite.checkpoints.stylegan2_state",
    "biggan_from_state": "tfgan_suite.checkpoints.biggan_state",
    "pixelcnn_from_state": "tfgan_suite.checkpoints.pixelcnn_state",
    "gat_from_state": "tfgan_suite.checkpoints.gat_state",
    "glow_from_state": "tfgan_suite.checkpoints.glow_state",
    "progan_from_state": "tfgan_suite.checkpoints.progan_state",
    "r3gan_from_state": "tfgan_suite.checkpoints.r3gan_state",
    "realnvp_from_state": "tfgan_suite.checkpoints.realnvp_state",
    "tarflow_from_state": "tfgan_suite.checkpoints.tarflow_state",
    "vq_from_state": "tfgan_suite.checkpoints.vq_state",
    "vdvae_from_state": "tfgan_suite.checkpoints.vdvae_state",
}


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Expected one of: {', '.join(_PUBLIC)}.")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return list(_PUBLIC)
