"""Batch normalization with either running averages or standing statistics."""

import contextlib

import keras
import tensorflow as tf

from tfgan_suite.foundation.microbatches import replicas_of_batch
from tfgan_suite.layers.replicated_state import replicated_state


@keras.saving.register_keras_serializable("tfgan_suite")
class StandingBatchNormalization(keras.layers.Layer):
    """Normalizes by the moments of the global batch: fused on one replica, synchronized across several.

    Unlike `BatchNormalization`, it averages the *unbiased* variance, as PyTorch does, and it supports two kinds of
    averages: running averages during training, and standing statistics, which are plain means over a number of forward
    passes collected under `standing_statistics`. It depends on `training` alone, so the statistics of a frozen network
    can be collected too.

    Args:
        momentum: Float in [0, 1). `average = momentum * average + (1 - momentum) * value` in the running averages.
        epsilon: Float. Added to the variance to avoid division by zero.
        affine: Boolean. Whether a trained gain and bias per channel follow.

    Input shape:
        `[batch, height, width, channels]`.

    Output shape:
        Same as the input shape.

    Example:

    >>> normalized = StandingBatchNormalization()(np.random.default_rng(0).normal(3, 2, [64, 4, 4, 1]), training=True)
    >>> bool(abs(np.mean(normalized)) < 1e-5)
    True

    Reference: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1; standing statistics: Brock et al.,
    "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix C.1.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, affine=True, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"`momentum` must be in [0, 1). Received: momentum={momentum}")
        self.momentum = momentum
        self.epsilon = epsilon
        self.affine = affine

    def build(self, input_shape):
        channels = input_shape[-1]
        if self.affine:
            self.gamma = self.add_weight(name="gamma", shape=[channels], initializer="ones", autocast=False)
            self.beta = self.add_weight(name="beta", shape=[channels], initializer="zeros", autocast=False)
        self.moving_mean = replicated_state("moving_mean", [channels], "zeros")
        self.moving_variance = replicated_state("moving_variance", [channels], "ones")
        # 0: running averages. k: the next forward pass is the k-th of the standing statistics.
        self.standing_pass = replicated_state("standing_pass", [], "zeros")

    def call(self, inputs, training=False):
        gain = tf.convert_to_tensor(self.gamma) if self.affine else None
        bias = tf.convert_to_tensor(self.beta) if self.affine else None
        return self.normalize(inputs, gain, bias, training)

    def normalize(self, inputs, gain=None, bias=None, training=False):
        """Normalizes, then multiplies by `gain` and adds `bias`, each `None` or a float32 tensor of shape `[channels]`
        or `[batch, channels]`."""
        channels = inputs.shape[-1]
        gain = tf.ones([channels]) if gain is None else gain
        bias = tf.zeros([channels]) if bias is None else bias
        if not training:
            moments = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            return self._normalize_by(*moments, inputs, gain, bias)
        replica_context = tf.distribute.get_replica_context()
        num_replicas = 1 if replica_context is None else replica_context.num_replicas_in_sync
        if num_replicas == 1:
            outputs, mean, variance = self._fused(inputs, gain, bias)
        else:
            mean, variance = _global_moments(inputs)
            outputs = self._normalize_by(mean, variance, inputs, gain, bias)
            count = tf.cast(replicas_of_batch() * tf.size(inputs) // channels, tf.float32)
            variance *= count / (count - 1.0)
        self._update(tf.stop_gradient(mean), tf.stop_gradient(variance))
        return outputs

    def _fused(self, inputs, gain, bias):
        """Returns the outputs, the mean, and the unbiased variance."""
        per_example = gain.shape.rank == 2
        scale, offset = (tf.ones_like(gain[0]), tf.zeros_like(bias[0])) if per_example else (gain, bias)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=scale, offset=offset, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        if per_example:
            gain, bias = tf.cast(gain, outputs.dtype), tf.cast(bias, outputs.dtype)
            outputs = outputs * _over_pixels(gain) + _over_pixels(bias)
        return outputs, mean, variance

    def _normalize_by(self, mean, variance, inputs, gain, bias):
        scale = gain * tf.math.rsqrt(variance + self.epsilon)
        offset = bias - mean * scale
        outputs = tf.cast(inputs, tf.float32) * _over_pixels(scale) + _over_pixels(offset)
        return tf.cast(outputs, inputs.dtype)

    def _update(self, mean, variance):
        standing_pass = tf.convert_to_tensor(self.standing_pass)
        standing = standing_pass > 0.0
        weight = tf.where(standing, 1.0 / tf.maximum(standing_pass, 1.0), 1.0 - self.momentum)
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old = tf.convert_to_tensor(average)
            average.assign(old + weight * (value - old))
        self.standing_pass.assign(standing_pass + tf.cast(standing, tf.float32))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "affine": self.affine,
        }


def _over_pixels(vectors):
    """Returns `[channels]` as it is, and `[batch, channels]` as `[batch, 1, 1, channels]`."""
    return vectors if vectors.shape.rank == 1 else vectors[:, None, None]


def _global_moments(inputs):
    """Mean and biased variance of each channel over the images on all replicas, float32 `[channels]`."""
    return keras.ops.moments(tf.cast(inputs, tf.float32), axes=[0, 1, 2], synchronized=True)


@contextlib.contextmanager
def standing_statistics(network):
    """Context manager in which forward passes of `network` in training mode collect standing statistics.

    The first pass replaces the averages, and all passes have the same weight in the result. Afterwards, evaluation mode
    uses the collected statistics, and training resumes its running averages from them.

    Args:
        network: A built Keras model or layer with `StandingBatchNormalization` layers.

    Raises:
        ValueError: If the network has no such layer.

    Example:

    >>> layer = StandingBatchNormalization()
    >>> images = np.random.default_rng(0).normal(3, 2, [4, 100, 4, 4, 1]).astype("float32")
    >>> _ = layer(images[0])
    >>> with standing_statistics(layer):
    ...     for batch in images:
    ...         _ = layer(batch, training=True)
    >>> bool(np.isclose(np.asarray(layer.moving_mean)[0], images.mean(), atol=1e-4))
    True

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix C.1.
    """
    layers = [layer for layer in network._flatten_layers() if isinstance(layer, StandingBatchNormalization)]
    if not layers:
        raise ValueError(
            f"`network` must have StandingBatchNormalization layers. Received: network={network.name}, without any."
        )
    for layer in layers:
        layer.standing_pass.assign(1.0)
    try:
        yield
    finally:
        for layer in layers:
            layer.standing_pass.assign(0.0)
