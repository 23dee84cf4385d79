"""StyleGAN2's presets: architecture, training, reference, and expected result.

`training` contains defaults for `tfgan_suite.train`, `compile` what differs from the model's default losses and
optimizers, which are those of the paper's config F.
"""

from tfgan_suite.adversarial.augment import AdaptiveAugmentation
from tfgan_suite.adversarial.penalties import R1, PathLength
from tfgan_suite.engine.adam import lazily_regularized_adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.models.stylegan2.style_mixing import StyleMixing

_ADA = 'Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020)'


def _training(gamma, learning_rate, half_life_images, rampup_ratio=None, path_length=True, style_mixing=True):
    """Returns the `compile` arguments for the few numbers in which the configurations differ."""

    def choices(model):
        mixing = StyleMixing(0.9) if style_mixing else None

        return {
            "generator_optimizer": lazily_regularized_adam(learning_rate, interval=4),
            "discriminator_optimizer": lazily_regularized_adam(learning_rate, interval=16),
            "discriminator_penalties": [R1(gamma, interval=16)],
            "generator_penalties": [PathLength(interval=4, style_mixing=mixing)] if path_length else [],
            "ema": ExponentialMovingAverage(half_life_images, rampup_ratio),
            "style_mixing": mixing,
        }

    return choices


# For narrow networks and runs of an hour: no path length regularization, and a learning rate for small batches.
_SMALL_TRAINING = _training(3.0, learning_rate=0.003, half_life_images="auto", rampup_ratio=0.05, path_length=False)

# A sixteenth of `auto`'s width, without noise inputs, with which such a narrow generator paints instead of learning
# shapes.
_SMALL_CONFIG = {
    "image_shape": (64, 64, 3),
    "latent_size": 128,
    "w_size": 128,
    "num_mapping_layers": 2,
    "channel_base": 1024,
    "use_noise": False,
}


def _few_images_training(model):
    """Adds augmentation that adapts quickly enough for a short run; ADA's own speed is for millions of images."""
    return {**_SMALL_TRAINING(model), "augmentation": AdaptiveAugmentation("bgc", speed_images=50_000)}


def _paper(resolution, gamma, channel_base, expected):
    return {
        "description": f"ADA's `paper{resolution}`: eight mapping layers, batches of 64.",
        "reference": f"{_ADA}, appendix C, table 6.",
        "expected": expected,
        "config": {
            "image_shape": (resolution, resolution, 3),
            "channel_base": channel_base,
            "minibatch_stddev_group_size": 8 if resolution < 1024 else 4,
        },
        "training": {"batch_size": 64 if resolution < 1024 else 32, "total_images": 25_000_000},
        "compile": _training(
            gamma,
            learning_rate=0.0025 if resolution < 1024 else 0.002,
            half_life_images=20_000 if resolution < 1024 else 10_000,
        ),
    }


PRESETS = {
    "stylegan2_ffhq_1024": {
        "description": "The paper's config F at 1024x1024: 30.4 M and 29.0 M parameters.",
        "reference": 'Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), table 1, '
        "config F.",
        "expected": "FID 2.84 on FFHQ after 25 M images, 9 days and 18 hours on 8 V100s (the authors' figures).",
        "config": {"image_shape": (1024, 1024, 3)},
        "training": {"batch_size": 32, "total_images": 25_000_000},
    },
    "stylegan2_paper_256": _paper(256, 1.0, 16384, "The authors report FID 4.3 on FFHQ with 70,000 images at 256."),
    "stylegan2_paper_512": _paper(512, 0.5, 32768, "The paper reports scores on small datasets only."),
    "stylegan2_paper_1024": _paper(1024, 2.0, 32768, "The paper reports scores on small datasets only."),
    "stylegan2_auto": {
        "description": "ADA's automatic configuration below 1024 pixels: two mapping layers, gamma by size and batch.",
        "reference": f"{_ADA}: `auto` of the authors' code.",
        "expected": "A good first run on your own dataset; adapt gamma by factors of 2 to 4.",
        "config": {"channel_base": "auto", "num_mapping_layers": 2},
        "training": {"batch_size": 32, "total_images": 25_000_000},
        "compile": _training("auto", learning_rate=0.0025, half_life_images="auto", rampup_ratio=0.05),
    },
    "stylegan2_cifar_32": {
        "description": "ADA's `cifar`: wide at all sizes, a plain discriminator, neither path length nor style mixing.",
        "reference": f"{_ADA}, appendix D.",
        "expected": "FID 2.92 unconditional, 2.42 conditional, with ADA (the paper's best).",
        "config": {
            "image_shape": (32, 32, 3),
            "channel_base": 32768,
            "num_mapping_layers": 2,
            "discriminator_architecture": "orig",
            "minibatch_stddev_group_size": 32,
        },
        "training": {"batch_size": 64, "total_images": 100_000_000},
        "compile": _training(
            0.01, 0.0025, half_life_images=500_000, rampup_ratio=0.05, path_length=False, style_mixing=False
        ),
    },
    "stylegan2_stacked_digits_32": {
        "description": "A small pair for three digits in red, green, and blue, to count how many of 1,000 modes it "
        "finds.",
        "reference": f"{_ADA}: `auto` at a sixteenth of its width, without path length and style mixing. The metric is "
        "that of Metz et al. (2017).",
        "expected": "120,000 images, about 35 minutes on one core: 653 of 1,000 modes among 26,000 images, KL to the "
        "real data 1.53; 1.7% are classified with more than 95% confidence.",
        "config": {
            "image_shape": (32, 32, 3),
            "latent_size": 32,
            "w_size": 64,
            "num_mapping_layers": 2,
            "channel_base": 1024,
            "minibatch_stddev_group_size": 16,
        },
        "training": {"batch_size": 16, "total_images": 120_000},
        # Groups of a whole batch, few latents, no style mixing: with 4, 128, and mixing, all images became the same.
        "compile": _training(
            2.0, 0.002, half_life_images="auto", rampup_ratio=0.05, path_length=False, style_mixing=False
        ),
    },
    "stylegan2_avatars_64": {
        "description": "A small pair for cartoon avatars in color, for an hour on a CPU. Without classes: with them, "
        "each style collapses to one image, since the minibatch deviations of mixed classes do not reveal it.",
        "reference": f"{_ADA}: `auto` at a sixteenth of its width, without noise inputs and path length, in small "
        "batches.",
        "expected": "9,995 avatars, 53 minutes on one core: Frechet distance 240, 187, 165, 152, 143 on "
        "EfficientNet-Lite0 (2,000 against all) after 25,000, 50,000, ... 125,000 images. Faces of most styles, and "
        "they differ.",
        "config": _SMALL_CONFIG,
        "training": {"batch_size": 8, "total_images": 125_000, "conditional": False},
        "compile": _SMALL_TRAINING,
    },
    "stylegan2_few_images_64": {
        "description": "A small pair for a few thousand images, with adaptive augmentation, for an hour on a CPU.",
        "reference": f"{_ADA}: like `stylegan2_avatars_64`, with ADA ten times as fast.",
        "expected": "3,767 emoji, about 50 minutes on one core: Frechet distance 166, 152, 154, 150 on "
        "EfficientNet-Lite0 (2,000 against all) after 20,000, 40,000, 60,000, 80,000 images; 193, 172, 158, 146 "
        "without augmentation. Trained on 362 of them, against held-out ones: 160 against 165.",
        "config": _SMALL_CONFIG,
        "training": {"batch_size": 8, "total_images": 80_000, "conditional": False},
        "compile": _few_images_training,
    },
}
