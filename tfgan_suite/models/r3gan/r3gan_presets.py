"""R3GAN's presets: architecture, training, reference, and expected result; and the schedules of the paper's training."""

import math

from tfgan_suite.adversarial.augment.adaptive import AdaptiveAugmentation
from tfgan_suite.adversarial.penalties import R1, R2
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.schedule import CosineSchedule

# The paper's gamma at the start, by the image's size in pixels.
_GAMMAS = {32: 0.05, 64: 2.0, 256: 150.0}
# Colors are changed half as often as the rest.
_TRANSFORMS = {"bg": 1.0, "color": 0.5, "cutout": 1.0}


def burn_in(
    model,
    images=40_000_000,
    gamma="auto",
    learning_rate=2e-4,
    half_life_images=None,
    augmentation_probability=0.3,
):
    """The five cosine schedules of the paper: learning rate, Adam's beta_2, gamma, the average's half-life, augmentation.

    All counts are of images that are read, two for each pair of updates.

    Args:
        model: An `R3GAN`.
        images: Integer >= 1. Images until all schedules have reached their last values.
        gamma: Float > 0, the weight of both penalties at the start, ten times that at the end; or `"auto"` for the paper's at
            the image's size: 0.05 up to 32 pixels, 2 at 64, 150 at 256, and on a line of logarithms between and beyond.
        learning_rate: Float > 0. Of both networks, at the start; a quarter of it at the end.
        half_life_images: Float > 0, the half-life of the average at the end; by default an eightieth of `images`.
        augmentation_probability: Float in [0, 1]. Of the augmentation at the end, from 0; 0 for none.

    Returns:
        Dict of arguments of `compile`.

    Reference: Huang et al., "The GAN is dead; long live the GAN!" (2024), appendix on hyperparameters.
    """

    def cosine(start, end):
        return CosineSchedule(start, end, images)

    def adam():
        # PyTorch's place for epsilon: with beta_1 = 0 it shows.
        return Adam(
            cosine(learning_rate, learning_rate / 4),
            beta_1=0.0,
            beta_2=cosine(0.9, 0.99),
            epsilon=1e-8,
            epsilon_hat=False,
        )

    gamma = paper_gamma(model.spec.shape[0]) if gamma == "auto" else gamma
    augmentation = None
    if augmentation_probability:
        augmentation = AdaptiveAugmentation(_TRANSFORMS, target=None, schedule=cosine(0.0, augmentation_probability))
    return {
        "generator_optimizer": adam(),
        "discriminator_optimizer": adam(),
        "discriminator_penalties": [R1(cosine(gamma, gamma / 10)), R2(cosine(gamma, gamma / 10))],
        "ema": ExponentialMovingAverage(cosine(0.0, half_life_images or images / 80), rampup_ratio=None),
        "augmentation": augmentation,
    }


def paper_gamma(size):
    """The paper's gamma for images of `size` pixels, and what lies between its sizes."""
    sizes = sorted(_GAMMAS)
    if size <= sizes[0]:
        return _GAMMAS[sizes[0]]
    above = next((known for known in sizes if known >= size), sizes[-1])
    below = sizes[sizes.index(above) - 1]
    share = math.log(size / below) / math.log(above / below)
    return _GAMMAS[below] * (_GAMMAS[above] / _GAMMAS[below]) ** share


def _training(**arguments):
    return lambda model: burn_in(model, **arguments)


PRESETS = {
    "r3gan_digits_32": {
        "description": "A small class-conditional pair for handwritten digits, on a CPU: 69,000 parameters each.",
        "reference": "The paper's recipe at a twelfth of its width, with one block at each size and five times the learning rate.",
        "expected": "Not measured yet.",
        "config": {
            "image_shape": (32, 32, 1),
            "num_classes": 10,
            "latent_size": 32,
            "class_size": 16,
            "widths": (64, 48, 24, 12),
            "groups": (8, 6, 3, 2),
            "blocks": 1,
        },
        "training": {"batch_size": 64, "total_images": 60_000},
        "compile": _training(
            images=60_000, gamma=0.2, learning_rate=1e-3, half_life_images=4_000, augmentation_probability=0
        ),
    },
    "r3gan_cifar10_32": {
        "description": "The paper's CIFAR-10 networks: 20.8 M and 21.3 M parameters, class-conditional.",
        "reference": "Huang et al. (2024): FID 1.96, with `--horizontal-flip`. Batches of 512 for each update, 250 M images of each by its table 9.",
        "expected": "Not trained here: it takes weeks of a CPU.",
        "config": {"image_shape": (32, 32, 3), "num_classes": 10, "widths": 768, "groups": 96, "blocks": 2},
        "training": {"batch_size": 1024, "total_images": 500_000_000},
        "compile": _training(half_life_images=10_000_000, augmentation_probability=0.55),
    },
    "r3gan_ffhq_64": {
        "description": "The paper's FFHQ networks at 64x64: 22.4 M parameters each.",
        "reference": "Huang et al. (2024): FID 1.95. Batches of 256 for each update.",
        "expected": "Not trained here: it takes weeks of a CPU.",
        "config": {"image_shape": (64, 64, 3), "widths": (768,) * 4 + (384,), "groups": (96,) * 4 + (48,), "blocks": 2},
        "training": {"batch_size": 512, "total_images": 500_000_000},
        "compile": _training(half_life_images=1_000_000),
    },
    "r3gan_ffhq_256": {
        "description": "The paper's FFHQ networks at 256x256: 23.1 M and 23.0 M parameters.",
        "reference": "Huang et al. (2024): FID 2.75, against StyleGAN2's 3.78. Batches of 256 for each update.",
        "expected": "Not trained here: it takes months of a CPU.",
        "config": {
            "image_shape": (256, 256, 3),
            "widths": (768,) * 4 + (384, 192, 96),
            "groups": (96,) * 4 + (48, 24, 12),
            "blocks": 2,
        },
        "training": {"batch_size": 512, "total_images": 500_000_000},
        "compile": _training(half_life_images=1_000_000),
    },
    "r3gan_imagenet_32": {
        "description": "The paper's ImageNet networks at 32x32: 82.9 M and 86.5 M parameters, class-conditional.",
        "reference": "Huang et al. (2024): FID 1.27. Batches of 4,096 for each update, 1,000 M images of each by its table 9.",
        "expected": "Not trained here: it takes months of a CPU.",
        "config": {"image_shape": (32, 32, 3), "num_classes": 1000, "widths": 1536, "groups": 96, "blocks": 2},
        "training": {"batch_size": 8192, "total_images": 2_000_000_000},
        "compile": _training(images=400_000_000, gamma=0.5, half_life_images=100_000_000, augmentation_probability=0.5),
    },
    "r3gan_imagenet_64": {
        "description": "The paper's ImageNet networks at 64x64: 103.6 M and 107.2 M parameters, class-conditional.",
        "reference": "Huang et al. (2024): FID 2.09. Batches of 4,096 for each update, 1,000 M images of each by its table 9.",
        "expected": "Not trained here: it takes months of a CPU.",
        "config": {"image_shape": (64, 64, 3), "num_classes": 1000, "widths": 1536, "groups": 96, "blocks": 2},
        "training": {"batch_size": 8192, "total_images": 2_000_000_000},
        "compile": _training(images=400_000_000, gamma=1.0, half_life_images=100_000_000, augmentation_probability=0.4),
    },
}
