"""GradientGuard: an optimizer around another that leaves out updates with broken or exploding gradients, and counts them."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan_suite")
class GradientGuard(keras.optimizers.Optimizer):
    """Passes gradients on to another optimizer, except those that are not finite or far longer than usual.

    An update that is left out changes nothing: neither weights nor moments nor the count of iterations. It is counted,
    and `callbacks.StopOnNonFinite` and `callbacks.StabilityMonitor` show the count; this is no repair to be unaware of.

    "Usual" is the geometric mean of the norms so far, a running one. A norm above the limit enters it as the limit, so
    that the guard gives way where gradients have become longer for good.

    Weights and optimizer state are guarded, nothing else: what a forward pass with broken numbers has written, such as
    moving means, stays broken. `StopOnNonFinite` therefore stops the run when many updates in a row are left out, and
    `Checkpointing` never saves such a state.

    With several replicas the gradients are summed over them once more to measure their norm, and all weights are
    copied in each update. For float16, the guard goes inside: `LossScaleOptimizer(GradientGuard(Adam()))`.

    Args:
        inner_optimizer: The optimizer that makes the updates.
        largest_ratio: Norm / usual norm from which an update is left out, > 1; `None` to leave out only those that are
            not finite. A thousand is far: a DCGAN's discriminator without a penalty reached 124 within 1,500 updates
            (one with R1 23, a Wasserstein critic 10), and took no harm.
        warmup_updates: Updates before the usual norm is relied on, >= 1.

    Attributes:
        skipped_updates: Variable, int64 scalar: updates left out since training began.
        skipped_in_a_row: Variable, int64 scalar: of these, the latest without one between them that was made.

    Raises:
        ValueError: An argument out of range, or a `LossScaleOptimizer` inside.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> gan.compile(
    ...     generator_optimizer=GradientGuard(Adam(2e-4, beta_1=0.5)),
    ...     discriminator_optimizer=GradientGuard(Adam(2e-4, beta_1=0.5)),
    ... )

    Reference: Chowdhery et al., "PaLM" (2022), section 5.1: batches at which training spikes are left out, since the
    same data does no harm at another time.
    """

    def __init__(self, inner_optimizer, largest_ratio=1000.0, warmup_updates=100, name=None):
        if isinstance(inner_optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "Expected the guard inside of the loss scaling, which has to see gradients that are not finite: "
                "LossScaleOptimizer(GradientGuard(optimizer)). Received: GradientGuard(LossScaleOptimizer(...))"
            )
        if largest_ratio is not None and largest_ratio <= 1:
            raise ValueError(f"Expected largest_ratio > 1 or None. Received: largest_ratio={largest_ratio}")
        if warmup_updates < 1:
            raise ValueError(f"Expected warmup_updates >= 1. Received: warmup_updates={warmup_updates}")
        super().__init__(learning_rate=0.0, name=name)  # Unused: the rate is the inner optimizer's.
        self.inner_optimizer = keras.optimizers.get(inner_optimizer)
        self.largest_ratio = largest_ratio
        self.warmup_updates = int(warmup_updates)

    def build(self, variables):
        if self.built:
            return
        self.skipped_updates = self._add_state("skipped_updates", "int64")
        self.skipped_in_a_row = self._add_state("skipped_in_a_row", "int64")
        self._measured_updates = self._add_state("measured_updates", "int64")
        self._mean_log_norm = self._add_state("mean_log_norm", "float32")
        self.inner_optimizer.build(variables)
        super().build(variables)

    def _add_state(self, name, dtype):
        return self.add_variable(shape=(), initializer="zeros", dtype=dtype, aggregation="none", name=name)

    def apply(self, grads, trainable_variables=None):
        """Makes the update, or leaves it out."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not self.built:
            self.build(variables)
        replica_context = tf.distribute.get_replica_context()
        single = replica_context is None or replica_context.num_replicas_in_sync == 1
        summed = grads if single else replica_context.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        norm = tf.linalg.global_norm(summed)
        taken = self._judge(norm)
        if single:
            tf.cond(taken, lambda: self.inner_optimizer.apply(grads, variables), lambda: None)
            return
        # Replicas may not exchange gradients under a condition: all make the update, and take it back.
        state = [*variables, *self.inner_optimizer.variables]
        before = [tf.identity(tf.convert_to_tensor(variable)) for variable in state]
        self.inner_optimizer.apply(grads, variables)
        for variable, old in zip(state, before):
            variable.assign(tf.where(taken, tf.convert_to_tensor(variable), old))

    def _judge(self, norm):
        """Whether an update with gradients of this norm is made, a bool scalar; counts it."""
        mean, measured = tf.convert_to_tensor(self._mean_log_norm), tf.convert_to_tensor(self._measured_updates)
        finite = tf.math.is_finite(norm)
        # Nothing flows into the mean from gradients that are all 0, as those of a dead network.
        counted = finite & (norm > 0.0)
        log_norm = tf.math.log(tf.where(counted, norm, 1.0))
        taken = finite
        if self.largest_ratio is not None:
            limit = mean + tf.math.log(float(self.largest_ratio))
            too_long = counted & (measured >= self.warmup_updates) & (log_norm > limit)
            taken = finite & ~too_long
            log_norm = tf.where(too_long, limit, log_norm)
        share = tf.maximum(1.0 / (tf.cast(measured, tf.float32) + 1.0), 1.0 / self.warmup_updates)
        self._mean_log_norm.assign(tf.where(counted, mean + share * (log_norm - mean), mean))
        self._measured_updates.assign(measured + tf.cast(counted, tf.int64))
        left_out = tf.cast(~taken, tf.int64)
        in_a_row = tf.convert_to_tensor(self.skipped_in_a_row)
        self.skipped_updates.assign(tf.convert_to_tensor(self.skipped_updates) + left_out)
        self.skipped_in_a_row.assign((in_a_row + 1) * left_out)
        return taken

    # === What belongs to the inner optimizer ===

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": keras.saving.serialize_keras_object(self.inner_optimizer),
            "largest_ratio": self.largest_ratio,
            "warmup_updates": self.warmup_updates,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inner_optimizer = keras.saving.deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner_optimizer})
