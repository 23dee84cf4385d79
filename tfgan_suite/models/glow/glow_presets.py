"""Glow's and RealNVP's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.schedule import LinearSchedule

_GLOW = "Kingma and Dhariwal, Glow (2018)"
_REALNVP = "Dinh et al., Density estimation using Real NVP (2017)"
_ON_AN_ACCELERATOR = "On 2 CPU cores, training takes months; use an accelerator."


def _small_training(model):
    """A short warm-up and an average with a ramp-up: the networks are a hundredth of the paper's."""
    return {
        "optimizer": GradientGuard(Adam(LinearSchedule(0.0, 1e-3, examples=3200), global_clipnorm=100.0)),
        "ema": ExponentialMovingAverage(half_life_images=10_000, rampup_ratio=0.05),
    }


PRESETS = {
    "glow_cifar10": {
        "description": "The paper's flow for CIFAR-10: 44.6 M parameters.",
        "reference": f"{_GLOW}, table 2: 3 scales of 32 steps, Adamax with rate 0.001, batches of 512.",
        "expected": f"The paper reports 3.35 bits per dimension. {_ON_AN_ACCELERATOR}",
        "config": {},
        "training": {"batch_size": 512, "total_images": 90_000_000, "conditional": False},
    },
    "glow_imagenet_32": {
        "description": "The paper's flow for ImageNet at 32x32: 66.9 M parameters.",
        "reference": f"{_GLOW}, table 2: 3 scales of 48 steps.",
        "expected": f"The paper reports 4.09 bits per dimension, on pixels that are no longer distributed. {_ON_AN_ACCELERATOR}",
        "config": {"steps": 48},
        "training": {"batch_size": 512, "total_images": 250_000_000, "conditional": False},
    },
    "glow_imagenet_64": {
        "description": "The paper's flow for ImageNet at 64x64: 112.4 M parameters.",
        "reference": f"{_GLOW}, table 2: 4 scales of 48 steps.",
        "expected": f"The paper reports 3.81 bits per dimension, on pixels that are no longer distributed. {_ON_AN_ACCELERATOR}",
        "config": {"image_shape": (64, 64, 3), "scales": 4, "steps": 48},
        "training": {"batch_size": 128, "total_images": 250_000_000, "conditional": False},
    },
    "realnvp_cifar10": {
        "description": "RealNVP for CIFAR-10: 2 scales, 8 residual blocks in each coupling.",
        "reference": f"{_REALNVP}, section 4.1.",
        "expected": f"The paper reports 3.49 bits per dimension. {_ON_AN_ACCELERATOR}",
        "config": {
            "scales": 2,
            "steps": 3,
            "width": 64,
            "coupling": "residual",
            "blocks": 8,
            "permutation": "alternate",
            "normalize": False,
            "checkerboards": 3,
            "checkerboard_top": True,
            "learned_splits": False,
            "learned_top": False,
            "logit_range": 0.9,
            "max_log_scale": 1.0,
        },
        "training": {"batch_size": 64, "total_images": 20_000_000, "conditional": False},
        "compile": lambda model: {"optimizer": Adam(1e-3, weight_decay=5e-5)},
    },
    "glow_digits_32": {
        "description": "A small flow for handwritten digits: 0.53 M parameters.",
        "reference": f"{_GLOW}, with 3 scales of 8 steps, 96 channels wide.",
        "expected": "1.86 bits per dimension of test images after 13,472 images, 62 seconds on one CPU core; all samples are finite.",
        "config": {"image_shape": (32, 32, 1), "steps": 8, "width": 96},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
        "compile": _small_training,
    },
}
