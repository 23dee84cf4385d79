"""JointOptimizer: what Keras's callbacks see of a model with several optimizers."""

import keras


class JointOptimizer:
    """Several optimizers under the one name that Keras's callbacks know, `model.optimizer`.

    `learning_rate` is the first optimizer's. Setting it multiplies the rates of all by the same factor, so that
    `keras.callbacks.LearningRateScheduler` and `ReduceLROnPlateau` keep their ratio, also through a rate of 0.

    Args:
        optimizers: Mapping of name to optimizer.

    Example:

    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2)
    >>> gan.compile(discriminator_optimizer=Adam(4e-4, beta_1=0.5))
    >>> gan.optimizer.learning_rate = 1e-4
    >>> round(float(gan.discriminator_optimizer.learning_rate), 6)
    0.0002
    """

    # Keras's callbacks ask before they restore; `compile` has built each of them.
    built = True

    def __init__(self, optimizers):
        self._optimizers = list(optimizers.values())
        self._ratios = [1.0] * len(self._optimizers)
        self._measure_ratios()

    def _measure_ratios(self):
        """Rates relative to the first one's. At a rate of 0, as a warm-up begins with, they stay what they were."""
        first, *_ = rates = [float(keras.ops.convert_to_numpy(one.learning_rate)) for one in self._optimizers]
        if first:
            self._ratios = [rate / first for rate in rates]

    @property
    def learning_rate(self):
        return self._optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self._measure_ratios()
        for optimizer, ratio in zip(self._optimizers, self._ratios):
            optimizer.learning_rate = ratio * float(keras.ops.convert_to_numpy(learning_rate))

    @property
    def iterations(self):
        return self._optimizers[0].iterations

    @property
    def variables(self):
        return [variable for optimizer in self._optimizers for variable in optimizer.variables]
