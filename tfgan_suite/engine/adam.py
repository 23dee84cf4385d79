"""Keras's Adam, applied in a single pass over each weight."""

import keras
import tensorflow as tf

from tfgan_suite.engine.schedule import Schedule, number_from_config, number_to_config, value_now


@keras.saving.register_keras_serializable("tfgan_suite")
class Adam(keras.optimizers.Adam):
    """A drop-in replacement for `keras.optimizers.Adam` that is faster on a CPU.

    The arguments, state, and results are those of `keras.optimizers.Adam`. Keras composes the update from a dozen
    operations, each of which reads and writes all weights; TensorFlow has a fused operation that needs a single pass.

    `beta_2`, as `learning_rate`, may also be a `Schedule`; not with `amsgrad=True`.

    Args:
        epsilon_hat: Boolean. Whether `epsilon` is added before the bias correction, as in Keras and in the last paragraph of the
            paper's section 2, or after it, as in its algorithm 1 and in PyTorch. With `beta_1=0` and small gradients the first
            steps differ visibly. Not `False` with `amsgrad=True`.
        **kwargs: As for `keras.optimizers.Adam`.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> gan.compile(generator_optimizer=Adam(1e-4, beta_1=0.5), discriminator_optimizer=Adam(4e-4, beta_1=0.5))

    Reference: Kingma and Ba, "Adam" (2015), section 2, with the order of computation proposed in its last paragraph.
    """

    # Besides the learning rate.
    scheduled = ("beta_2",)

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, epsilon_hat=True, **kwargs
    ):
        if amsgrad and isinstance(beta_2, Schedule):
            raise ValueError("`beta_2` must be a float with amsgrad=True. Received: a schedule.")
        if amsgrad and not epsilon_hat:
            raise ValueError("`epsilon_hat` must be True with amsgrad=True. Received: epsilon_hat=False")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **kwargs)
        self.epsilon_hat = bool(epsilon_hat)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        beta_2 = value_now(self.beta_2)
        beta_2_power = tf.pow(tf.cast(beta_2, dtype), step)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=beta_2_power,
            lr=tf.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=beta_2,
            epsilon=self.epsilon if self.epsilon_hat else self.epsilon * tf.sqrt(1.0 - beta_2_power),
            grad=tf.cast(gradient, dtype),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "beta_2": number_to_config(self.beta_2),
            "epsilon_hat": self.epsilon_hat,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return super().from_config({**config, "beta_2": number_from_config(config["beta_2"])}, custom_objects)


def _handle(variable):
    """Returns a weight's resource handle. Keras passes TensorFlow variables for weights, its own for the state."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def lazily_regularized_adam(learning_rate, interval):
    """Adam for a network with a lazy penalty, which adds one extra update every `interval` steps.

    Args:
        learning_rate: Float > 0. The learning rate without lazy regularization.
        interval: Integer >= 1. Number of steps from one penalty update to the next.

    Returns:
        An `Adam` optimizer.

    Reference: Karras et al. (2020), appendix B, "Lazy regularization": with c = k / (k + 1), the learning rate is
    multiplied by c and each beta is raised to the power c. Base betas 0 and 0.99, epsilon 1e-8.
    """
    share = interval / (interval + 1)
    return Adam(learning_rate * share, beta_1=0.0, beta_2=0.99**share, epsilon=1e-8)
