"""Loss scaling for float16 that stays in sync across all replicas."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Keras's dynamic loss scaling, skipping an update if the gradients of any replica are not finite.

    Losses, including second-order penalties, are multiplied by a scale before differentiation, so that small gradients
    do not underflow to 0 in float16; the gradients are then divided by the scale. If they overflow, the update is
    skipped and the scale is halved; after a number of updates without overflow, the scale is doubled. Keras's class
    checks only the first replica, because it expects gradients that are already summed; in this suite, the inner
    optimizer sums them.

    `compile()` wraps the optimizers of networks that compute in float16 in this class.

    Args:
        inner_optimizer: A Keras optimizer or a `GradientGuard`.
        initial_scale: Float > 0. Initial loss scale.
        dynamic_growth_steps: Integer >= 1. Number of updates without overflow after which the scale is doubled.

    Example:

    >>> optimizer = LossScaling(keras.optimizers.Adam(2e-4))
    >>> optimizer.build([keras.Variable(1.0)])
    >>> float(optimizer.scale_loss(2.0))
    65536.0

    Reference: Micikevicius et al., "Mixed Precision Training" (2018), section 3.2.
    """

    def check_finite(self, grads):
        finite = super().check_finite(grads)
        replica_context = tf.distribute.get_replica_context()
        if replica_context is None or replica_context.num_replicas_in_sync == 1:
            return finite
        overflows = replica_context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(~finite, tf.float32))
        return overflows < 0.5


def scales_loss(optimizer):
    """Whether an optimizer skips updates with non-finite gradients as part of its search for the loss scale."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def computes_in_float16(network):
    """Whether any layer of a network computes in float16."""
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())
