"""DCGAN's presets: architecture, training, the reference and the result to expect.

`training` holds what `tfgan_suite.train` takes unless it is told otherwise; losses and optimizers are the model's own.
"""

PRESETS = {
    "dcgan_paper_64": {
        "description": "The paper's networks at 64x64 in colour: 18.9 M and 17.2 M parameters.",
        "reference": "Radford et al. (2016), section 4: batches of 128, Adam with rate 0.0002 and beta1 0.5.",
        "expected": "The paper gives no score. On 2 CPU cores this is days of work; use an accelerator.",
        "config": {"image_shape": (64, 64, 3), "base_channels": 128, "kernel_size": 5},
        "training": {"batch_size": 128, "total_images": 5_000_000},
    },
    "dcgan_digits_32": {
        "description": "A small class-conditional pair for handwritten digits, quick on a CPU.",
        "reference": "The paper's recipe at a quarter of its width, with 4x4 kernels and batches of 64.",
        "expected": "5,000 MNIST digits, 200,000 images: Frechet distance 14.0 on EfficientNet-Lite0 (5,000 against "
        "5,000); two halves of the real digits lie 18.6 apart.",
        "config": {"image_shape": (32, 32, 1), "num_classes": 10, "base_channels": 24, "kernel_size": 4},
        "training": {"batch_size": 64, "total_images": 250_000},
    },
    "dcgan_avatars_64": {
        "description": "A class-conditional pair for drawn avatars in colour, a class a style.",
        "reference": "The paper's recipe at a quarter of its width, with 4x4 kernels and batches of 32.",
        "expected": "Faces and styles can be told apart after 100,000 images.",
        "config": {"image_shape": (64, 64, 3), "num_classes": 10, "base_channels": 32, "kernel_size": 4},
        "training": {"batch_size": 32, "total_images": 100_000},
    },
}
