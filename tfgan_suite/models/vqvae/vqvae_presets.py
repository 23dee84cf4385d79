"""VQVAE's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "vqvae_digits_32": {
        "description": "Handwritten digits as 64 tokens of 240 codes, fast on a CPU.",
        "reference": "van den Oord et al. (2017), with the finite scalar quantization of Mentzer et al. (2023).",
        "expected": "Not measured yet.",
        "config": {"image_shape": (32, 32, 1), "code_levels": (8, 6, 5), "channels": 64},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
    "vqvae_avatars_64": {
        "description": "Cartoon avatars in color as 256 tokens of 1,000 codes.",
        "reference": "van den Oord et al. (2017), with the finite scalar quantization of Mentzer et al. (2023).",
        "expected": "Not measured yet.",
        "config": {"image_shape": (64, 64, 3), "code_levels": (8, 5, 5, 5), "channels": 64},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}
