"""DCGAN's presets: architecture and training, the reference and the result to expect."""

PRESETS = {
    "dcgan_paper_64": {
        "description": "The paper's network for 64x64 colour images.",
        "reference": "Radford et al. (2016), section 4: batches of 128, Adam 2e-4.",
        "config": {"image_shape": (64, 64, 3), "base_channels": 128, "kernel_size": 5},
        "training": {"batch_size": 128},
    },
}
