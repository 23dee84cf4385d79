"""Image-space filtering: four frequency bands, each amplified by a random factor."""

import functools

import numpy as np
import tensorflow as tf

from tfgan_suite.adversarial.augment.resampling import filter_height, reflect, swap_axes
from tfgan_suite.adversarial.augment.wavelets import SYM2, octave_bands

_NUM_BANDS = 4
# Share of each band in the power of a natural image, whose spectrum decays as 1 / f.
_EXPECTED_POWER = np.array([10.0, 1.0, 1.0, 1.0]) / 13.0


def band_gains(draws, probability):
    """Returns the gain of each band, lowest first, float32 `[batch, 4]`; 1 where no gate is open.

    Each band in turn multiplies its gain and then rescales all gains, which keeps the expected power of the image.

    Reference: Karras et al. (2020), appendix B, algorithm 1.
    """
    gains = 1.0
    for band in range(_NUM_BANDS):
        value = tf.pow(2.0, draws.values["filter"][band])
        value = tf.where(draws.is_open("filter", probability, band), value, 1.0)[:, None]  # [batch, 1]
        turn = tf.where(np.arange(_NUM_BANDS) == band, value, 1.0)  # [batch, 4]
        power = tf.reduce_sum(tf.square(turn) * _EXPECTED_POWER.astype(np.float32), axis=1, keepdims=True)
        gains *= turn / tf.sqrt(power)
    return gains


def amplify_bands(images, gains):
    """Filters images along both axes by the sum of the bands times their gains, with reflection at the borders.

    There is one matrix per example and axis, since the filters (43 taps) are longer than a small image is wide.

    Args:
        images: A float32 tensor of shape `[batch, height, width, channels]`.
        gains: A float32 tensor of shape `[batch, 4]`. An example whose gains are all 1 is returned unchanged, bit for
            bit.

    Returns:
        A tensor with the shape of `images`.
    """
    _, height, width, _ = images.shape
    filtered = filter_height(images, _combined(gains, height))
    filtered = swap_axes(filter_height(swap_axes(filtered), _combined(gains, width)))
    stays = tf.reduce_all(gains == 1.0, axis=1)
    return tf.where(stays[:, None, None, None], images, filtered)


def _combined(gains, size):
    bands = tf.constant(_band_matrices(size).reshape(_NUM_BANDS, -1))
    return tf.reshape(tf.matmul(gains, bands), [-1, size, size])


@functools.lru_cache(maxsize=16)
def _band_matrices(size):
    """Returns the filter of each band as a matrix, float32 `[4, size, size]`."""
    bands = octave_bands(SYM2, _NUM_BANDS)
    reach = bands.shape[1] // 2
    matrices = np.zeros([_NUM_BANDS, size, size])
    outputs = np.arange(size)
    for tap in range(-reach, reach + 1):
        np.add.at(
            matrices,
            (slice(None), outputs, reflect(outputs + tap, size)),
            np.broadcast_to(bands[:, reach + tap, None], [_NUM_BANDS, size]),
        )
    return matrices.astype(np.float32)
