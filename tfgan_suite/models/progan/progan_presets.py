"""ProGAN's presets: architecture and schedule, reference, and expected result.

`training` contains defaults for `tfgan_suite.train`, `compile` what differs from the paper's losses and optimizers.
"""

from tfgan_suite.adversarial.losses import NonSaturating
from tfgan_suite.adversarial.penalties import R1, Drift, GradientPenalty
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.models.progan.progan_schedule import SCHEDULES, ProGANSchedule

_PAPER = 'Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018)'


def _cifar_training(model):
    return {"discriminator_penalties": [GradientPenalty(10.0, target=750.0), Drift(0.001)]}


def _small_training(model):
    """The alternative losses, since the paper's need many more images at each level, and an average that keeps up with
    levels that fade in within 10,000 images; the paper's would show their first, random weights for most of that."""
    return {
        "loss": NonSaturating(),
        "discriminator_penalties": [R1(5.0, interval=4)],
        "ema": ExponentialMovingAverage(half_life_images=1_000),
    }


PRESETS = {
    "progan_celebahq_1024": {
        "description": "The paper's networks at 1024x1024: 23.1 M parameters each.",
        "reference": f"{_PAPER}, appendix A.1.",
        "expected": "FID 7.30 on CelebA-HQ, 30,000 images; about a month on one V100 (the authors' figures).",
        "config": {"image_shape": (1024, 1024, 3), "minibatch_stddev_group_size": None},
        "training": {"batch_size": 3, "total_images": 19_000_000},
    },
    "progan_celebahq_1024_eight_gpus": {
        "description": "The paper's networks with larger batches and rates, shorter phases, and groups of 4 images.",
        "reference": f"{_PAPER}; the schedule of the authors' later runs.",
        "expected": "About as good as the paper's model, in two days on eight V100s (the authors' figures).",
        "config": {"image_shape": (1024, 1024, 3), "schedule": SCHEDULES["eight_gpus"]},
        "training": {"batch_size": 32, "total_images": 12_000_000},
    },
    "progan_cifar_32": {
        "description": "The paper's networks for CIFAR-10, without labels: 1.3 M parameters each.",
        "reference": f"{_PAPER}, appendix A.2 and section 6.6.",
        "expected": "Inception score 8.80 (the authors' best).",
        "config": {
            "image_shape": (32, 32, 3),
            "latent_size": 128,
            "channel_base": 4096,
            "max_channels": 128,
            "minibatch_stddev_group_size": None,
            "schedule": SCHEDULES["cifar10"],
        },
        "training": {"batch_size": 16, "total_images": 20_000_000},
        "compile": _cifar_training,
    },
    "progan_avatars_64": {
        "description": "A small class-conditional pair for cartoon avatars in color, for an hour on two cores.",
        "reference": f"{_PAPER}, at an eighth of its width, with logistic loss and R1, in small batches.",
        "expected": "10,000 avatars, about 45 minutes on one core: Frechet distance 249 on EfficientNet-Lite0 (2,000 "
        "against 9,995) after 80,000 images, at 32x32, then 201 and 166 after 100,000 and 120,000, at 64x64. Every "
        "style is recognizable, and its images differ.",
        "config": {
            "image_shape": (64, 64, 3),
            "num_classes": 10,
            "latent_size": 64,
            "channel_base": 1024,
            "max_channels": 64,
            "schedule": ProGANSchedule(
                stable_images=10_000, fade_images=10_000, total_images=120_000, batch_size=8, learning_rate=0.003
            ),
        },
        "training": {"batch_size": 8, "total_images": 120_000},
        "compile": _small_training,
    },
    "progan_digits_32": {
        "description": "A small class-conditional pair for handwritten digits, grown on a CPU.",
        "reference": f"{_PAPER}, at a sixteenth of its width, with logistic loss and R1, in small batches.",
        "expected": "5,000 MNIST digits, 120,000 images, about 20 minutes on one core: Frechet distance 21.4 on "
        "EfficientNet-Lite0 (5,000 against 5,000; random halves of the real digits are 1.7 apart), 99.7% classified as "
        "the requested digit.",
        "config": {
            "image_shape": (32, 32, 1),
            "num_classes": 10,
            "latent_size": 64,
            "channel_base": 512,
            "max_channels": 64,
            "schedule": ProGANSchedule(
                stable_images=10_000, fade_images=10_000, total_images=120_000, batch_size=8, learning_rate=0.003
            ),
        },
        "training": {"batch_size": 8, "total_images": 120_000},
        "compile": _small_training,
    },
}
