"""Fourier transforms of frames, to and fro, as convolutions: these leave for every format, which TensorFlow's own do not.

Frame i is centered on the middle of the i-th hop, as `LogMel` has it: with `SAME` padding, `count * hop` samples are `count`
frames. The inverse is a transposed convolution, divided by the sum of the squared windows of the frames that there are, at the
ends as well.
"""

import numpy as np
import tensorflow as tf


class FrameTransform:
    """The windowed Fourier transform of the frames of clips, and its inverse.

    Args:
        window: Float array `[fft_length]`.
        hop_length: Integer. Samples from one frame to the next.
        num_frames: Integer. Frames of a clip, of `num_frames * hop_length` samples.

    Example:

    >>> transform = FrameTransform(np.hanning(257)[:-1], hop_length=64, num_frames=8)
    >>> noise = np.random.default_rng(0).normal(size=[1, 8 * 64]).astype("float32")
    >>> bool(np.allclose(transform.inverse(*transform.forward(noise)), noise, atol=1e-5))
    True

    Reference: Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform" (1984), equation 6.
    """

    def __init__(self, window, hop_length, num_frames):
        fft_length = len(window)
        self.hop_length, self.num_frames = hop_length, num_frames
        self.num_frequencies = fft_length // 2 + 1
        angles = 2 * np.pi * np.outer(np.arange(fft_length), np.arange(self.num_frequencies)) / fft_length
        forward = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)
        # Of a real signal each frequency but the first and the last stands for two.
        twice = np.full(self.num_frequencies, 2.0)
        twice[[0, -1]] = 1.0
        inverse = forward * np.tile(twice, 2) / fft_length
        self._forward = (forward * window[:, None]).astype(np.float32)[:, None]  # [fft, 1, 2 * frequencies]
        self._inverse = (inverse * window[:, None]).astype(np.float32)[:, None]
        margin = (fft_length - hop_length) // 2
        weights = np.zeros([hop_length * (num_frames - 1) + fft_length])
        for frame in range(num_frames):
            weights[frame * hop_length : frame * hop_length + fft_length] += window**2
        self._weights = weights[margin : margin + num_frames * hop_length].astype(np.float32)

    def forward(self, samples):
        """Real and imaginary parts, each float32 `[batch, num_frames, frequencies]`, of samples float32 `[batch, count]`."""
        both = tf.nn.conv1d(samples[..., None], self._forward, stride=self.hop_length, padding="SAME")
        return tf.split(both, 2, axis=-1)

    def inverse(self, real, imaginary):
        """The samples whose transform is nearest, float32 `[batch, count]`."""
        both = tf.concat([real, imaginary], axis=-1)
        shape = [tf.shape(both)[0], self.num_frames * self.hop_length, 1]
        samples = tf.nn.conv1d_transpose(both, self._inverse, shape, strides=self.hop_length, padding="SAME")
        return samples[..., 0] / self._weights
