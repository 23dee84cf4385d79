"""From log-mel spectrograms back to sound, inside a graph: Griffin and Lim's search for the phases that are missing."""

import functools

import numpy as np
import tensorflow as tf

from tfgan_suite.audio.fourier import FrameTransform
from tfgan_suite.audio.log_mel import LogMel

NUM_ITERATIONS = 60
# Of the fast form, whose authors found 0.99 to be the best.
_MOMENTUM = 0.99
_TINY = 1e-8


@functools.lru_cache(maxsize=16)
def inversion_of(log_mel: LogMel, num_frames: int):
    """`invert_log_mel` as a `tf.function`, each clip of a batch by itself.

    One graph serves Python and what is exported: operation by operation, or in a batch of another size, the last bit would be
    another.

    Args:
        log_mel: `LogMel`.
        num_frames: Integer.

    Returns:
        A `tf.function` from float32 `[batch, num_bands, num_frames]` to float32 `[batch, num_frames * hop_length]`.
    """

    def invert(values):
        return invert_log_mel(values[None], log_mel)[0]

    def invert_each(values):
        samples = tf.TensorSpec([num_frames * log_mel.hop_length], tf.float32)
        return tf.map_fn(invert, values, fn_output_signature=samples)

    signature = [tf.TensorSpec([None, log_mel.num_bands, num_frames], tf.float32)]
    return tf.function(invert_each, input_signature=signature, autograph=False)


def invert_log_mel(values, log_mel: LogMel, num_iterations: int = NUM_ITERATIONS):
    """Makes sound of log-mel spectrograms. Usable in graphs; no input is random, so the same picture sounds the same.

    The magnitudes are the least-squares inverse of the mel bands, cut off at zero. Phases begin at those of noise, which is
    always the same, and become consistent with the magnitudes: transform, keep the phases, put the magnitudes back.

    Args:
        values: Float tensor `[batch, num_bands, num_frames]` in [-1, 1], as `LogMel.values` makes them.
        log_mel: `LogMel`. The constants they were made with.
        num_iterations: Integer >= 0.

    Returns:
        float32 `[batch, num_frames * hop_length]`, within [-1, 1].

    Reference: Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform" (1984), section III; Perraudin,
    Balazs and Sondergaard, "A Fast Griffin-Lim Algorithm" (2013), algorithm 2.
    """
    num_frames = values.shape[-1]
    window = log_mel.window()
    transform = FrameTransform(window, log_mel.hop_length, num_frames)
    share = (tf.clip_by_value(tf.cast(values, tf.float32), -1.0, 1.0) + 1.0) / 2.0
    decibels = log_mel.floor_db + share * (log_mel.ceiling_db - log_mel.floor_db)
    bands = tf.pow(10.0, decibels / 20.0)  # [batch, bands, frames]
    # What lies at the floor was this quiet or quieter: silence, rather than a hiss.
    bands = tf.where(share > 0.0, bands, 0.0)
    bands = tf.transpose(bands[:, ::-1], [0, 2, 1])  # [batch, frames, bands]
    from_bands = (log_mel.from_bands() * (window.sum() / 2)).T.astype(np.float32)
    magnitudes = tf.nn.relu(tf.einsum("nfb,bk->nfk", bands, from_bands))  # [batch, frames, frequencies]
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, [num_frames, transform.num_frequencies])
    real = magnitudes * np.cos(noise).astype(np.float32)
    imaginary = magnitudes * np.sin(noise).astype(np.float32)

    def step(number, real, imaginary, last_real, last_imaginary):
        consistent = transform.forward(transform.inverse(real, imaginary))
        # Beyond the consistent spectrum, in the direction in which it moved.
        ahead = [
            now + _MOMENTUM * (now - last) for now, last in zip(consistent, (last_real, last_imaginary), strict=True)
        ]
        scale = magnitudes / tf.maximum(tf.sqrt(ahead[0] ** 2 + ahead[1] ** 2), _TINY)
        return number + 1, ahead[0] * scale, ahead[1] * scale, *consistent

    consistent = transform.forward(transform.inverse(real, imaginary))
    _, real, imaginary, _, _ = tf.while_loop(
        lambda number, *_: number < num_iterations, step, [tf.constant(0), real, imaginary, *consistent]
    )
    return tf.clip_by_value(transform.inverse(real, imaginary), -1.0, 1.0)
