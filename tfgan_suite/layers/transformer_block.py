"""TransformerBlock: attention and two dense layers, each after a normalization and added to what came in."""

import keras

from tfgan_suite.layers.rotary_attention import RotaryAttention


@keras.saving.register_keras_serializable("tfgan_suite")
class TransformerBlock(keras.layers.Layer):
    """`x + attention(norm(x))`, then `x + dense(gelu(dense(norm(x))))`, with RMS normalization.

    Args:
        num_heads: Integer >= 1. Heads of `RotaryAttention`.
        length: Integer >= 1. Positions.
        causal: Boolean. Whether a position sees itself and earlier ones only.
        expansion: Integer >= 1. Units of the inner dense layer, in widths.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[batch, length, width]`.

    Output shape:
        The same.

    Example:

    >>> TransformerBlock(num_heads=2, length=5)(np.zeros([3, 5, 8], "float32")).shape
    TensorShape([3, 5, 8])

    Reference: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4; Child et al., "Generating Long
    Sequences with Sparse Transformers" (2019), section 5.2, whose residual blocks normalize first.
    """

    def __init__(self, num_heads, length, causal=True, expansion=4, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.length = length
        self.causal = causal
        self.expansion = expansion
        self.seed = seed

    def build(self, input_shape):
        width, dtype = input_shape[-1], self.dtype_policy
        self.attention = RotaryAttention(
            self.num_heads, self.length, self.causal, self.seed, dtype=dtype, name="attention"
        )
        self.normalize_1 = keras.layers.RMSNormalization(epsilon=1e-6, dtype=dtype, name="normalize_1")
        self.normalize_2 = keras.layers.RMSNormalization(epsilon=1e-6, dtype=dtype, name="normalize_2")
        self.dense_1 = keras.layers.Dense(
            self.expansion * width,
            activation="gelu",
            kernel_initializer=keras.initializers.GlorotUniform(self.seed + 2),
            dtype=dtype,
            name="dense_1",
        )
        self.dense_2 = keras.layers.Dense(
            width, kernel_initializer=keras.initializers.GlorotUniform(self.seed + 3), dtype=dtype, name="dense_2"
        )
        for layer in (self.attention, self.normalize_1, self.normalize_2, self.dense_1):
            layer.build(input_shape)
        self.dense_2.build((*input_shape[:-1], self.expansion * width))

    def call(self, inputs):
        return self._transform(inputs + self.attention(self.normalize_1(inputs)))

    def step(self, inputs, place, cache):
        """One position `[batch, width]` of a causal block, as `RotaryAttention.step`."""
        attended, cache = self.attention.step(self.normalize_1(inputs), place, cache)
        return self._transform(inputs + attended), cache

    def _transform(self, values):
        return values + self.dense_2(self.dense_1(self.normalize_2(values)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "length": self.length,
            "causal": self.causal,
            "expansion": self.expansion,
            "seed": self.seed,
        }
