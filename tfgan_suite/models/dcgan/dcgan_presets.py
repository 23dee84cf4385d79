"""DCGAN's presets: architecture, training, reference, and expected result.

`training` contains defaults for `tfgan_suite.train`, `compile` what differs from the paper's losses and optimizers.
"""

from tfgan_suite.adversarial.penalties import R1


def _penalized_training(model):
    """Without a penalty, every class collapses to one image: what few flat colors or silent ends tell is soon memorized."""
    return {"discriminator_penalties": [R1(weight=5.0, interval=4)]}


PRESETS = {
    "dcgan_paper_64": {
        "description": "The paper's networks at 64x64 in color: 18.9 M and 17.2 M parameters.",
        "reference": "Radford et al. (2016), section 4: batches of 128, Adam with rate 0.0002 and beta1 0.5.",
        "expected": "The paper reports no score. On 2 CPU cores, training takes days; use an accelerator.",
        "config": {"image_shape": (64, 64, 3), "base_channels": 128, "kernel_size": 5},
        "training": {"batch_size": 128, "total_images": 5_000_000},
    },
    "dcgan_digits_32": {
        "description": "A small class-conditional pair for handwritten digits, fast on a CPU.",
        "reference": "The paper's recipe at less than a quarter of its width, with 4x4 kernels and batches of 64.",
        "expected": "5,000 MNIST digits, 254,592 images: Frechet distance 14.9 on EfficientNet-Lite0 (5,000 against "
        "5,000; random halves of the real digits are 1.7 apart), 97% classified with more than 95% confidence.",
        "config": {"image_shape": (32, 32, 1), "num_classes": 10, "base_channels": 24, "kernel_size": 4},
        "training": {"batch_size": 64, "total_images": 250_000},
    },
    "dcgan_stacked_digits_32": {
        "description": "A small pair for three digits in red, green, and blue, to count how many of 1,000 modes it "
        "finds.",
        "reference": "The paper's recipe at a quarter of its width, with 4x4 kernels and batches of 64. The metric is "
        "that of Metz et al. (2017), whose networks are even smaller.",
        "expected": "254,592 images, about six minutes on one core: 947 of 1,000 modes among 26,000 images, KL to the "
        "real data 0.63; 3.0% are classified with more than 95% confidence.",
        "config": {"image_shape": (32, 32, 3), "base_channels": 32, "kernel_size": 4},
        "training": {"batch_size": 64, "total_images": 250_000},
    },
    "dcgan_spoken_digits_64": {
        "description": "A class-conditional pair for log-mel spectrograms of half a second of sound, such as spoken digits.",
        "reference": "The paper's recipe at an eighth of its width, with 4x4 kernels, batches of 32, and an R1 penalty; "
        "spectrograms as images: Donahue et al. (2019), section 3.2.",
        "expected": "5,959 spoken digits, 30,016 clips, 3.6 minutes of one core: pocketsphinx, with a grammar of the ten words, "
        "understands 43.5% as the digit asked for (200 clips), against 42.5% of the real ones, and 50.5% of those after "
        "spectrogram and inversion; sevens and sixes are rarely understood, real or not.",
        "config": {"image_shape": (64, 64, 1), "num_classes": 10, "base_channels": 16, "kernel_size": 4},
        "training": {"batch_size": 32, "total_images": 30_000},
        "compile": _penalized_training,
    },
    "dcgan_avatars_64": {
        "description": "A class-conditional pair for cartoon avatars in color, one class per style.",
        "reference": "The paper's recipe at an eighth of its width, with 4x4 kernels, batches of 16, and an R1 "
        "penalty.",
        "expected": "3,000 avatars, 91,392 images: every style is recognizable and its images differ; still blurry. "
        "Frechet distance 244 on EfficientNet-Lite0 (3,000 against 3,000; random halves of the real avatars are 8.8 "
        "apart).",
        "config": {"image_shape": (64, 64, 3), "num_classes": 10, "base_channels": 16, "kernel_size": 4},
        "training": {"batch_size": 16, "total_images": 90_000},
        "compile": _penalized_training,
    },
}
