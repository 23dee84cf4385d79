"""VDVAE's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.schedule import LinearSchedule


def _adam(rate, warmup_images=3200):
    schedule = LinearSchedule(0.0, rate, examples=warmup_images)
    return GradientGuard(Adam(schedule, beta_1=0.9, beta_2=0.9, epsilon=1e-8, weight_decay=0.01, global_clipnorm=200.0))


def _imagenet_training(model):
    """A smaller rate and a faster average than for CIFAR-10."""
    return {"optimizer": _adam(1.5e-4), "ema": ExponentialMovingAverage(decay=0.999)}


def _small_training(model):
    """A larger rate, reached sooner: the networks are a hundredth of the paper's, and the runs short."""
    return {
        "optimizer": _adam(1.5e-3, warmup_images=1600),
        "ema": ExponentialMovingAverage(half_life_images=10_000, rampup_ratio=0.05),
    }


PRESETS = {
    "vdvae_cifar10": {
        "description": "The paper's networks for CIFAR-10: 39.1 M parameters, 43 latents.",
        "reference": "Child (2021), table 3: batches of 32, AdamW with rate 0.0002 and betas of 0.9, average 0.9999.",
        "expected": "The paper reports 2.87 bits per dimension. On 2 CPU cores, training takes months; use an accelerator.",
        "config": {},
        "training": {"batch_size": 32, "total_images": 35_000_000, "conditional": False},
    },
    "vdvae_imagenet_32": {
        "description": "The paper's networks for ImageNet at 32x32: 119.3 M parameters, 78 latents.",
        "reference": "Child (2021), table 3: batches of 256, AdamW with rate 0.00015, average 0.999.",
        "expected": "The paper reports 3.80 bits per dimension, on pixels that are no longer distributed.",
        "config": {
            "encoder": "32x15,32d2,16x9,16d2,8x8,8d2,4x6,4d4,1x6",
            "decoder": "1x2,4m1,4x4,8m4,8x9,16m8,16x19,32m16,32x40",
            "width": 512,
            "mean_level": 116.2373,
            "level_deviation": 69.37404,
        },
        "training": {"batch_size": 256, "total_images": 430_000_000, "conditional": False},
        "compile": _imagenet_training,
    },
    "vdvae_imagenet_64": {
        "description": "The paper's networks for ImageNet at 64x64: 125.0 M parameters, 75 latents.",
        "reference": "Child (2021), table 3: batches of 128, AdamW with rate 0.00015, average 0.999.",
        "expected": "The paper reports 3.52 bits per dimension, on pixels that are no longer distributed.",
        "config": {
            "image_shape": (64, 64, 3),
            "encoder": "64x11,64d2,32x20,32d2,16x9,16d2,8x8,8d2,4x7,4d4,1x5",
            "decoder": "1x2,4m1,4x3,8m4,8x7,16m8,16x15,32m16,32x31,64m32,64x12",
            "width": 512,
            "mean_level": 115.92961967,
            "level_deviation": 69.37404,
        },
        "training": {"batch_size": 128, "total_images": 200_000_000, "conditional": False},
        "compile": _imagenet_training,
    },
    "vdvae_digits_32": {
        "description": "A small one for handwritten digits, 13 latents.",
        "reference": "Child (2021) at a sixth of its width and a third of its depth.",
        "expected": "4,500 MNIST digits, 14,720 images, four minutes on one core: 1.05 bits per dimension of 500 "
        "held-out ones at 32x32 (the bound); samples are strokes, some of which are digits.",
        "config": {
            "image_shape": (32, 32, 1),
            "encoder": "32x3,32d2,16x3,16d2,8x2,8d2,4x2,4d4,1x1",
            "decoder": "1x1,4m1,4x2,8m4,8x3,16m8,16x4,32m16,32x4",
            "width": 64,
            "latent_channels": 8,
            "components": 5,
            "mean_level": 25.7,
            "level_deviation": 66.0,
        },
        "training": {"batch_size": 32, "total_images": 15_000, "conditional": False},
        "compile": _small_training,
    },
    "vdvae_avatars_64": {
        "description": "A small one for cartoon avatars in color, 17 latents.",
        "reference": "Child (2021) at an eighth of its width and a third of its depth.",
        "expected": "Not measured yet.",
        "config": {
            "image_shape": (64, 64, 3),
            "encoder": "64x1,64d2,32x2,32d2,16x2,16d2,8x2,8d2,4x2,4d4,1x1",
            "decoder": "1x1,4m1,4x2,8m4,8x3,16m8,16x3,32m16,32x2,64m32,64x1",
            "width": 48,
            "latent_channels": 8,
            "components": 5,
            "mean_level": 170.0,
            "level_deviation": 80.0,
        },
        "training": {"batch_size": 16, "total_images": 15_000, "conditional": False},
        "compile": _small_training,
    },
}
