"""GAT's presets: architecture, training, reference, and expected result; and the paper's training."""

from tfgan_suite.adversarial.augment.diff_augment import DiffAugment
from tfgan_suite.adversarial.penalties import ApproximateR1, ApproximateR2
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage


def paper_training(width, learning_rate="auto", gamma=0.1, interval=1, epsilon=0.01, ema=None, augmentation="auto"):
    """The paper's training.

    Args:
        width: Integer. Length of tokens, for the learning rate.
        learning_rate: Float > 0, of both networks; or `"auto"` for the paper's, 0.0002 * 768 / width.
        gamma: Float >= 0. Weight of both penalties.
        interval: Integer >= 1. Steps from one of each penalty to the next; 1 in the paper.
        epsilon: Float > 0. Standard deviation of the change by which the penalties measure.
        ema: An `ExponentialMovingAverage`; by default the paper's.
        augmentation: What `compile` takes; by default `DiffAugment`.

    Returns:
        Dict of arguments of `compile`.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 4 and appendix.
    """
    rate = 2e-4 * 768 / width if learning_rate == "auto" else learning_rate

    def adam():
        # PyTorch's place for epsilon: with beta_1 = 0 it shows.
        return Adam(rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8, epsilon_hat=False, global_clipnorm=1.0)

    return {
        "generator_optimizer": adam(),
        "discriminator_optimizer": adam(),
        "discriminator_penalties": [
            ApproximateR1(gamma, interval=interval, epsilon=epsilon),
            ApproximateR2(gamma, interval=interval, epsilon=epsilon),
        ],
        "ema": ema or ExponentialMovingAverage(decay=0.999),
        "augmentation": DiffAugment() if augmentation == "auto" else augmentation,
        # The reference's two updates share their latents.
        "reuse_fakes": True,
    }


def _small_training(learning_rate, gamma, policies):
    return lambda model: paper_training(
        model.generator.width,
        learning_rate,
        gamma,
        interval=4,
        ema=ExponentialMovingAverage("auto"),
        augmentation=DiffAugment(policies),
    )


PRESETS = {
    "gat_digits_32": {
        "description": "A small class-conditional pair of transformers for handwritten digits, on a CPU.",
        "reference": "The paper's recipe at a sixth of the width of GAT-S, with four blocks, patches of 8x8 pixels, and penalties "
        "on every fourth step.",
        "expected": "30,432 images of 5,000 MNIST digits, half of the preset's, about seven minutes of one core at 55 to 80 images/s: zeros "
        "and ones to read, the other classes share shapes like a five and a nine, alike within a class and grainy. It has not "
        "learned its classes by then; longer runs are not measured.",
        "config": {
            "image_shape": (32, 32, 1),
            "num_classes": 10,
            "latent_size": 32,
            "patch_size": 8,
            "width": 64,
            "depth": 4,
            "num_heads": 4,
            "class_map_size": 64,
        },
        "training": {"batch_size": 32, "total_images": 60_000},
        "compile": _small_training(1e-3, 0.1, ["translation"]),
    },
    "gat_avatars_64": {
        "description": "A small class-conditional pair of transformers for cartoon avatars in color, one class per style.",
        "reference": "The paper's recipe at a quarter of the width of GAT-S, with four blocks, patches of 8x8 pixels, and penalties "
        "on every fourth step.",
        "expected": "Not measured yet.",
        "config": {
            "image_shape": (64, 64, 3),
            "num_classes": 10,
            "latent_size": 64,
            "patch_size": 8,
            "width": 96,
            "depth": 4,
            "num_heads": 4,
            "class_map_size": 128,
        },
        "training": {"batch_size": 32, "total_images": 60_000},
        "compile": _small_training(5e-4, 0.1, ["color", "translation", "cutout"]),
    },
}
