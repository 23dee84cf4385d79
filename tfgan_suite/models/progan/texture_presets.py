"""TextureProGAN's presets; see `progan_presets.py` for the meaning of their entries."""

from tfgan_suite.adversarial.losses import NonSaturating
from tfgan_suite.adversarial.penalties import R1
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.models.progan.progan_schedule import ProGANSchedule


def _texture_training(model):
    return {
        "loss": NonSaturating(),
        "discriminator_penalties": [R1(0.5, interval=4)],
        "ema": ExponentialMovingAverage(decay=0.998),
        "reuse_fakes": True,
    }


TEXTURE_PRESETS = {
    "progan_textures_64": {
        "description": "A small class-conditional pair for patches of photographs, for textures of any size, on a CPU.",
        "reference": 'Jetchev et al., "Texture Synthesis with Spatial Generative Adversarial Networks" (2016), with '
        "ProGAN's "
        "networks at a sixteenth of their width, logistic loss, and R1.",
        "expected": "About 22 minutes on one core. Frechet distance on EfficientNet-Lite0, 1,000 images, of patches of "
        "brick, grass, gravel, tissue, and galaxies: 185.8; between two halves of the real patches: 3.6 (one run).",
        "config": {
            "image_shape": (64, 64, 3),
            "num_classes": 5,
            # Small batches: with so few images, the number of updates is the limit.
            "schedule": ProGANSchedule(
                stable_images=6_000,
                fade_images=2_000,
                total_images=56_000,
                batch_size=8,
                learning_rate=0.003,
                first_size=16,
            ),
        },
        "training": {"batch_size": 8, "total_images": 56_000},
        "compile": _texture_training,
    },
}
