"""VAEGAN's presets: architecture, training, reference, and expected result.

`training` contains defaults for `tfgan_suite.train`, `compile` what differs from the paper's losses and optimizers.
"""

from tfgan_suite.likelihood.divergences import KLDivergence


def _digits_training(model):
    """The distance sums 8,192 features; with the paper's weights, the latents of digits were far from their prior."""
    return {"reconstruction_weight": 3e-3, "divergence": KLDivergence(weight=4.0)}


PRESETS = {
    "vaegan_paper_64": {
        "description": "The paper's networks at 64x64 in color.",
        "reference": "Larsen et al. (2016), table 1: batches of 64, RMSProp with rate 0.0003.",
        "expected": "Not measured.",
        "config": {"image_shape": (64, 64, 3)},
        "training": {"batch_size": 64, "total_images": 5_000_000, "conditional": False},
    },
    "vaegan_digits_32": {
        "description": "A small VAE/GAN for handwritten digits, on a CPU.",
        "reference": "Larsen et al. (2016), at a quarter of its width.",
        "expected": "5,000 MNIST digits, 89,856 images, about five core minutes: reconstructions with a mean squared error of "
        "0.0096, sharper than those of `vae_digits_32` with 0.0063 after 69,888. Samples are strokes, not yet digits.",
        "config": {"image_shape": (32, 32, 1), "latent_size": 32, "base_channels": 16},
        "training": {"batch_size": 64, "total_images": 80_000, "conditional": False},
        "compile": _digits_training,
    },
}
