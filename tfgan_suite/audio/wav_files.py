"""WAV files of batches of clips, inside a graph: one each, or one of all."""

import tensorflow as tf


def encode_wavs(samples, sample_rate_hz):
    """WAV files of 16 bits, a string tensor `[batch]`.

    Args:
        samples: float32 `[batch, count]` in [-1, 1]. Rounded to the nearest step, and held within the range.
        sample_rate_hz: Integer.
    """

    def encode(one):
        return tf.audio.encode_wav(one[:, None], sample_rate_hz)

    return tf.map_fn(encode, samples, fn_output_signature=tf.TensorSpec([], tf.string))


def encode_sequence(samples, sample_rate_hz):
    """One WAV file of clips that follow each other, a scalar string tensor. Arguments are those of `encode_wavs`."""
    return tf.audio.encode_wav(tf.reshape(samples, [-1, 1]), sample_rate_hz)
