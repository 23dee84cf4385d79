"""Loss scaling for float16, the same on all replicas."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Keras's dynamic loss scaling, which leaves out an update if any replica's gradients are not finite.

    Losses, penalties of the second order among them, are multiplied by a scale before they are differentiated, so that
    small gradients do not become 0 in float16, and the gradients are divided by it. Where they overflow, the update is
    left out and the scale halved; it doubles after a number of updates without that. Keras's class asks the first
    replica alone, as its gradients are summed already; those of this suite are summed by the inner optimizer.

    `compile` puts it around the optimizers of networks that compute in float16.

    Args:
        inner_optimizer: A Keras optimizer, or a `GradientGuard`.
        initial_scale: Of the loss, > 0.
        dynamic_growth_steps: Updates without overflow until the scale doubles, >= 1.

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
    """Whether an optimizer leaves out updates with gradients that are not finite, as its way to find the scale."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def computes_in_float16(network):
    """Whether any layer of a network does."""
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())
