"""PhaseShuffle: activations shifted by a few samples at random, so that their phase tells nothing."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfgan_suite")
class PhaseShuffle(keras.layers.Layer):
    """Shifts features along time by a random whole number from -n to n, the same for a batch; what is missing is reflected.

    Only in training. A transposed convolution leaves artifacts of one phase, by which a discriminator could tell what is
    generated.

    Args:
        max_shift: Integer n >= 0. 0 leaves everything as it is.
        seed: Integer. Seed of the shifts.

    Input shape:
        `[batch, time, channels]`, `time` above `max_shift`.

    Output shape:
        The same.

    Example:

    >>> shifted = PhaseShuffle(2, seed=1)(np.arange(6, dtype="float32").reshape([1, 6, 1]), training=True)
    >>> shifted.shape
    TensorShape([1, 6, 1])

    Reference: Donahue et al., "Adversarial Audio Synthesis" (2019), section 3.3 and figure 3.
    """

    def __init__(self, max_shift=2, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(max_shift, bool) or not isinstance(max_shift, int) or max_shift < 0:
            raise ValueError(f"`max_shift` must be an integer >= 0. Received: max_shift={max_shift!r}")
        self.max_shift = max_shift
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if max_shift else None

    def build(self, input_shape):
        if input_shape[1] <= self.max_shift:
            raise ValueError(
                f"Inputs must be longer than max_shift={self.max_shift}, to be reflected. Received: shape={input_shape}"
            )
        super().build(input_shape)

    def call(self, inputs, training=False):
        if not training or not self.max_shift:
            return inputs
        shift = keras.random.randint([], -self.max_shift, self.max_shift + 1, dtype="int32", seed=self.seed_generator)
        last = inputs.shape[1] - 1
        # Gathered: XLA takes no padding that is not constant, and its slices have no second derivative.
        places = ops.abs(ops.arange(last + 1, dtype="int32") + shift)
        return ops.take(inputs, last - ops.abs(last - places), axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "max_shift": self.max_shift, "seed": self.seed}
