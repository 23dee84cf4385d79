"""TarFlow's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.schedule import CosineSchedule, LinearSchedule

_TARFLOW = "Zhai et al., Normalizing Flows are Capable Generative Models (2024)"
_ON_AN_ACCELERATOR = "On 2 CPU cores, training takes years; use accelerators."


def _paper_training(total_images):
    """The paper's optimizer, whose rate falls to a hundredth along a cosine."""

    def choices(model):
        rate = CosineSchedule(1e-4, 1e-6, examples=total_images)
        return {"optimizer": Adam(rate, beta_1=0.9, beta_2=0.95, weight_decay=1e-4)}

    return choices


def _small_training(model):
    """A short warm-up and an average with a ramp-up: the networks are a hundredth of the paper's."""
    return {
        "optimizer": GradientGuard(Adam(LinearSchedule(0.0, 5e-4, examples=1600), beta_1=0.9, beta_2=0.95)),
        "ema": ExponentialMovingAverage(half_life_images=10_000, rampup_ratio=0.05),
    }


PRESETS = {
    "tarflow_imagenet_64_likelihood": {
        "description": "The paper's flow for likelihoods of ImageNet at 64x64: 460 M parameters.",
        "reference": f"{_TARFLOW}, table 1: patches of 2, 8 blocks of 8 layers, 768 wide, uniform noise.",
        "expected": f"The paper reports 2.99 bits per dimension, on the newer pixels of ImageNet. {_ON_AN_ACCELERATOR}",
        "config": {"image_shape": (64, 64, 3)},
        "training": {"batch_size": 256, "total_images": 128_000_000, "conditional": False},
        "compile": _paper_training(128_000_000),
    },
    "tarflow_imagenet_64": {
        "description": "The paper's flow for samples of ImageNet's 1,000 classes at 64x64: 466 M parameters.",
        "reference": f"{_TARFLOW}: patches of 2, 8 blocks of 8 layers, 768 wide, Gaussian noise of 0.05.",
        "expected": f"The paper reports an FID of 2.90 with guidance. {_ON_AN_ACCELERATOR}",
        "config": {"image_shape": (64, 64, 3), "noise_deviation": 0.05, "num_classes": 1000},
        "training": {"batch_size": 256, "total_images": 256_000_000},
        "compile": _paper_training(256_000_000),
    },
    "tarflow_imagenet_128": {
        "description": "The paper's flow for samples of ImageNet's 1,000 classes at 128x128: 824 M parameters.",
        "reference": f"{_TARFLOW}: patches of 4, 8 blocks of 8 layers, 1,024 wide, Gaussian noise of 0.15.",
        "expected": f"The paper reports an FID of 5.03 with guidance. {_ON_AN_ACCELERATOR}",
        "config": {
            "image_shape": (128, 128, 3),
            "patch_size": 4,
            "width": 1024,
            "noise_deviation": 0.15,
            "num_classes": 1000,
        },
        "training": {"batch_size": 768, "total_images": 410_000_000},
        "compile": _paper_training(410_000_000),
    },
    "tarflow_afhq_256": {
        "description": "The paper's flow for samples of animal faces at 256x256: 463 M parameters.",
        "reference": f"{_TARFLOW}: patches of 8, 8 blocks of 8 layers, 768 wide, Gaussian noise of 0.07.",
        "expected": f"The paper shows samples. {_ON_AN_ACCELERATOR}",
        "config": {"image_shape": (256, 256, 3), "patch_size": 8, "noise_deviation": 0.07},
        "training": {"batch_size": 256, "total_images": 60_000_000},
        "compile": _paper_training(60_000_000),
    },
    "tarflow_digits_28": {
        "description": "A small flow for handwritten digits: 2.4 M parameters.",
        "reference": f"{_TARFLOW}, with patches of 4, 4 blocks of 3 layers, 128 wide.",
        "expected": "4.85 bits per dimension of test images after 10,368 images, 3 minutes on one CPU core; samples are specks, not yet digits.",
        "config": {
            "image_shape": (28, 28, 1),
            "patch_size": 4,
            "width": 128,
            "num_blocks": 4,
            "layers_per_block": 3,
        },
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
        "compile": _small_training,
    },
    "tarflow_avatars_32": {
        "description": "A small flow for drawn avatars in color, with noise for samples: 2.5 M parameters.",
        "reference": f"{_TARFLOW}, with patches of 4, 4 blocks of 3 layers, 128 wide, Gaussian noise of 0.05.",
        "expected": "Not measured yet.",
        "config": {
            "image_shape": (32, 32, 3),
            "patch_size": 4,
            "width": 128,
            "num_blocks": 4,
            "layers_per_block": 3,
            "noise_deviation": 0.05,
        },
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
        "compile": _small_training,
    },
}
