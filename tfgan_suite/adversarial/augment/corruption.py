"""Image-space corruptions: noise, and cutting out a box."""

import tensorflow as tf


def add_noise(images, draws, probability):
    """Adds white noise whose standard deviation is drawn per example from a half-normal distribution of scale 0.1.

    Reference, for this and the next function: Karras et al. (2020), appendix B, algorithm 1.
    """
    deviation = 0.1 * tf.abs(draws.values["noise"][0])
    deviation = tf.where(draws.is_open("noise", probability), deviation, 0.0)
    return images + draws.pixel_noise * deviation[:, None, None, None]


def cut_out(images, draws, probability):
    """Sets a box of half the height and half the width to 0; its center can be anywhere in the image."""
    _, height, width, _ = images.shape
    x, y = (position[:, None] for position in draws.values["cutout"])  # The center, as a fraction of the size.
    beside_x = tf.abs((tf.range(width, dtype=tf.float32) + 0.5) / width - x) >= 0.25  # [batch, width]
    beside_y = tf.abs((tf.range(height, dtype=tf.float32) + 0.5) / height - y) >= 0.25  # [batch, height]
    closed = ~draws.is_open("cutout", probability)
    kept = beside_y[:, :, None] | beside_x[:, None, :] | closed[:, None, None]  # [batch, height, width]
    return images * tf.cast(kept, images.dtype)[..., None]
