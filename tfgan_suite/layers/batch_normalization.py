"""Batch normalization that means the same on one replica as on many."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class BatchNormalization(keras.layers.BatchNormalization):
    """Normalizes by the moments of the global batch: fused on one replica, synchronized across several.

    Keras's own layer is neither fused (so it is slower on one replica) nor synchronized by default (so it differs on
    two). Both paths here store the biased variance in the moving average, so they agree.

    Args:
        momentum: Float in [0, 1). Momentum of the moving averages.
        epsilon: Float. Added to the variance to avoid division by zero.
        **kwargs: See `keras.layers.BatchNormalization`.

    Example:

    >>> normalized = BatchNormalization()(np.random.default_rng(0).normal(3, 2, [64, 4, 4, 1]), training=True)
    >>> bool(abs(np.mean(normalized)) < 1e-5)
    True

    Reference: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, synchronized=True, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, synchronized=synchronized, **kwargs)

    def call(self, inputs, training=None, mask=None):
        replica_context = tf.distribute.get_replica_context()
        one_replica = replica_context is None or replica_context.num_replicas_in_sync == 1
        if not training or not self.trainable:
            return super().call(inputs, training=False, mask=mask)
        if not one_replica or mask is not None or not (self.scale and self.center):
            return super().call(inputs, training=True, mask=mask)
        return self._fused(inputs)

    def _fused(self, inputs):
        inputs = tf.cast(inputs, self.compute_dtype)
        shape = tf.shape(inputs)
        images = tf.reshape(inputs, [-1, 1, 1, shape[-1]]) if inputs.shape.rank == 2 else inputs
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        # The kernel reports the unbiased variance, x N / (N - 1).
        count = tf.cast(tf.size(images) // shape[-1], tf.float32)
        variance *= (count - 1.0) / count
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return tf.reshape(outputs, shape)
