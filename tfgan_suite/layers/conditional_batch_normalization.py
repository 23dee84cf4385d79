"""Batch normalization whose gain and bias depend on a condition."""

import keras
import tensorflow as tf

from tfgan_suite.layers.spectral_normalization import SpectralDense, seeded_initializer
from tfgan_suite.layers.standing_batch_normalization import StandingBatchNormalization


@keras.saving.register_keras_serializable("tfgan_suite")
class ConditionalBatchNormalization(StandingBatchNormalization):
    """Batch normalization with gain `1 + W_g s` and bias `W_b s`, linear in a condition `s` and without constants.

    Args:
        momentum: Float in [0, 1). Momentum of the running averages.
        epsilon: Float. Added to the variance to avoid division by zero.
        spectral: Boolean. Whether W_g and W_b are spectrally normalized. If not, and with one-hot conditions, they are
            tables with one gain and one bias per class.
        spectral_norm_epsilon: Float. The `epsilon` of `SpectralDense`.
        initializer: String. Initializer of W_g and W_b: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Integer. Seed of W_g; W_b uses the next integer.

    Call arguments:
        inputs: A tensor of shape `[batch, height, width, channels]`.
        conditions: A float32 tensor of shape `[batch, condition_size]`.

    Output shape:
        Same as the shape of `inputs`.

    Example:

    >>> normalize = ConditionalBatchNormalization()
    >>> normalize(np.zeros([2, 4, 4, 3], "float32"), np.zeros([2, 5], "float32")).shape
    TensorShape([2, 4, 4, 3])

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), section 3.1
    and appendix B; de Vries et al., "Modulating early visual processing by language" (2017), section 3.2.
    """

    def __init__(
        self,
        momentum=0.9,
        epsilon=1e-5,
        spectral=True,
        spectral_norm_epsilon=1e-6,
        initializer="orthogonal",
        seed=0,
        **kwargs,
    ):
        # Conditions stay float32 under mixed precision; images already arrive in the compute dtype.
        kwargs.setdefault("autocast", False)
        super().__init__(momentum=momentum, epsilon=epsilon, affine=False, **kwargs)
        self.spectral = spectral
        self.spectral_norm_epsilon = spectral_norm_epsilon
        self.initializer = initializer
        self.seed = seed

    def build(self, inputs_shape, conditions_shape):
        super().build(inputs_shape)
        self.gain = self._linear(inputs_shape[-1], self.seed, "gain")
        self.bias = self._linear(inputs_shape[-1], self.seed + 1, "bias")
        for linear in (self.gain, self.bias):
            linear.build(conditions_shape)

    def _linear(self, channels, seed, name):
        common = {"use_bias": False, "dtype": "float32", "name": name}
        if not self.spectral:
            return keras.layers.Dense(channels, kernel_initializer=seeded_initializer(self.initializer, seed), **common)
        return SpectralDense(
            channels, epsilon=self.spectral_norm_epsilon, initializer=self.initializer, seed=seed, **common
        )

    def compute_output_shape(self, inputs_shape, conditions_shape):
        return inputs_shape

    def call(self, inputs, conditions, training=False):
        inputs = tf.cast(inputs, self.compute_dtype)
        arguments = {"training": training} if self.spectral else {}
        gain = 1.0 + self.gain(conditions, **arguments)  # [batch, channels]
        return self.normalize(inputs, gain, self.bias(conditions, **arguments), training)

    def get_config(self):
        config = super().get_config()
        del config["affine"]
        return {
            **config,
            "spectral": self.spectral,
            "spectral_norm_epsilon": self.spectral_norm_epsilon,
            "initializer": self.initializer,
            "seed": self.seed,
        }
