"""BigGAN's presets: architecture, training, reference, and expected result.

`training` contains defaults for `tfgan_suite.train`, `compile` what differs from the model's default losses and
optimizers, which are the paper's. `batch_size` counts the real images of a whole step: with k discriminator steps, each
network is updated on batches of a k-th of it.
"""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage

_PAPER = 'Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019)'


def _adam(learning_rate):
    return Adam(learning_rate, beta_1=0.0, beta_2=0.999)


def _slow_training(model):
    """BigGAN-deep's training above 128 pixels."""
    return {"generator_optimizer": _adam(2.5e-5), "discriminator_optimizer": _adam(2.5e-5)}


def _cifar_training(model):
    return {
        "generator_optimizer": Adam(2e-4, beta_1=0.0, beta_2=0.999, epsilon=1e-8),
        "discriminator_optimizer": Adam(2e-4, beta_1=0.0, beta_2=0.999, epsilon=1e-8),
        "generator_penalties": [],
        "ema": ExponentialMovingAverage(decay=0.9999, start_step=1000),
        "discriminator_steps": 4,
    }


def _small_training(model):
    """For narrow networks and short runs: higher rates, an average with a half-life of a fifth of the images seen."""
    return {
        "generator_optimizer": _adam(4e-4),
        "discriminator_optimizer": _adam(8e-4),
        "ema": ExponentialMovingAverage(half_life_images=50_000, rampup_ratio=0.2),
        "discriminator_steps": 1,
    }


def _imagenet(size, expected, **config):
    deep = config.get("variant") == "deep"
    return {
        "description": f"The paper's {'BigGAN-deep' if deep else 'BigGAN'} at {size}x{size}, batches of 2048.",
        "reference": f"{_PAPER}, section 3 and appendices B and C.",
        "expected": expected,
        "config": {
            "image_shape": (size, size, 3),
            "num_classes": 1000,
            "base_channels": 128 if deep else 96,
            **config,
        },
        # 150,000 steps of two discriminator updates.
        "training": {"batch_size": 4096, "total_images": 614_400_000},
        **({"compile": _slow_training} if deep and size > 128 else {}),
    }


PRESETS = {
    "biggan_imagenet_128": _imagenet(
        128, "Inception score 98.8 and FID 8.7 on ImageNet, 166.5 and 7.4 with truncation (the authors' figures)."
    ),
    "biggan_imagenet_256": _imagenet(256, "FID 8.7 on ImageNet without truncation (the authors' figure)."),
    "biggan_imagenet_512": _imagenet(512, "The paper reports scores with truncation only."),
    "biggan_deep_imagenet_128": _imagenet(
        128, "Inception score 124.5 and FID 5.7 on ImageNet without truncation (the authors' figures).", variant="deep"
    ),
    "biggan_deep_imagenet_256": _imagenet(
        256, "Inception score 171 and FID 6.9 on ImageNet without truncation (the authors' figures).", variant="deep"
    ),
    "biggan_deep_imagenet_512": _imagenet(512, "The paper reports scores with truncation only.", variant="deep"),
    "biggan_imagenet_64": {
        "description": "The paper's training at 64x64, a size not in the paper: attention at 32, batches of 512.",
        "reference": f"{_PAPER}, section 3.",
        "expected": "No published figure.",
        "config": {"image_shape": (64, 64, 3), "num_classes": 1000, "base_channels": 64},
        "training": {"batch_size": 1024, "total_images": 153_600_000},
    },
    "biggan_cifar_32": {
        "description": "The authors' CIFAR-10 runs: no shared embedding, latents for the first layer only, N(0, 0.02).",
        "reference": "The authors' PyTorch code, its CIFAR-10 script: four discriminator steps of 50 images.",
        "expected": "Others report FID 14.73 and inception score 9.22 for a conditional BigGAN on CIFAR-10.",
        "config": {
            "image_shape": (32, 32, 3),
            "num_classes": 10,
            "latent_size": 128,
            "base_channels": 64,
            "shared_size": None,
            "hierarchical": False,
            "initializer": "normal",
            "spectral_norm_epsilon": 1e-8,
        },
        "training": {"batch_size": 200, "total_images": 25_000_000},
        "compile": _cifar_training,
    },
    "biggan_digits_32": {
        "description": "A small pair for handwritten digits, for minutes on a CPU.",
        "reference": f"{_PAPER}, at a twelfth of its width.",
        "expected": "5,000 MNIST digits, about ten minutes on one core: Frechet distance 5.8 on EfficientNet-Lite0 "
        "(5,000 against 5,000; random halves of the real digits are 1.7 apart) after 149,760 images, 10.0 after "
        "99,840, which take as long as the 254,592 of `dcgan_digits_32` (14.9). It fluctuates: 7.6 after 199,680, 8.9 "
        "after 209,664, where 99.6% were classified as the requested digit.",
        "config": {
            "image_shape": (32, 32, 1),
            "num_classes": 10,
            "base_channels": 8,
            "shared_size": 32,
        },
        "training": {"batch_size": 32, "total_images": 150_000},
        "compile": _small_training,
    },
    "biggan_stacked_digits_32": {
        "description": "A small pair for three digits in red, green, and blue, all of one class, to count their 1,000 "
        "modes.",
        "reference": f"{_PAPER}, at an eighth of its width and without attention. The metric is that of Metz et al. "
        "(2017).",
        "expected": "150,400 images, about 20 minutes on one core: 974 of 1,000 modes among 26,000 images, KL to the "
        "real data 0.54; 16% are classified with more than 95% confidence.",
        "config": {
            "image_shape": (32, 32, 3),
            "num_classes": 1,
            "base_channels": 12,
            "shared_size": 32,
            "attention_resolutions": (),
        },
        "training": {"batch_size": 32, "total_images": 150_000},
        "compile": _small_training,
    },
    "biggan_avatars_64": {
        "description": "A small pair for cartoon avatars in color, one class per style, for half an hour on a CPU.",
        "reference": f"{_PAPER}, at an eighth of its width and without attention.",
        "expected": "9,995 avatars, half an hour on one core: Frechet distance 284, 224, 189 on EfficientNet-Lite0 "
        "(2,000 against all) after 20,000, 40,000, 60,000 images, 185 at the end, and still falling. Every style is "
        "recognizable; colors vary more than shapes.",
        "config": {
            "image_shape": (64, 64, 3),
            "num_classes": 10,
            "base_channels": 12,
            "shared_size": 32,
            "attention_resolutions": (),
        },
        "training": {"batch_size": 32, "total_images": 65_000},
        "compile": _small_training,
    },
}
