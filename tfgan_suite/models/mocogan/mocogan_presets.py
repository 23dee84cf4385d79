"""MoCoGAN's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam


def _small_steps(model):
    """With one rate for both, the discriminators of so few clips a step win at once."""
    return {"generator_optimizer": Adam(5e-4, beta_1=0.5), "discriminator_optimizer": Adam(1e-4, beta_1=0.5)}


PRESETS = {
    "mocogan_moving_digits_32": {
        "description": "A small class-conditional model for clips of one moving digit, 16 gray frames of 32 x 32.",
        "reference": "The paper's networks and optimizers at a quarter of their width and for smaller frames, with classes, and "
        "four frames of each clip for the discriminator of frames.",
        "expected": "Not trained to its end here. After 2,400 clips, 600 steps, there are bright blobs of about the size of a digit, "
        "not yet in the same place from frame to frame.",
        "config": {
            "spec": {"kind": "video", "shape": [16, 32, 32, 1], "frames_per_second": 10.0},
            "num_classes": 10,
            "content_size": 16,
            "motion_size": 16,
            "base_channels": 16,
            "shown_frames": 4,
        },
        "training": {"batch_size": 4, "total_images": 40_000},
        "compile": _small_steps,
    },
}
