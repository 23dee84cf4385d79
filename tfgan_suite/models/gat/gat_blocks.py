"""The transformer blocks of GAT's two networks: one that a style steers, one that stands for itself."""

import keras
import tensorflow as tf

from tfgan_suite.layers.swiglu import SwiGLU
from tfgan_suite.models.gat.gat_attention import GATAttention

EPSILON = 1e-6


class _Block(keras.layers.Layer):
    """Base of both: attention, and a gated feed-forward part."""

    def __init__(self, num_heads, grid, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.grid = tuple(grid)
        self.seed = seed

    others = 0

    def build(self, tokens_shape, styles_shape=None):
        self.attention = GATAttention(
            self.num_heads, self.grid, self.others, self.seed, dtype=self.dtype_policy, name="attention"
        )
        self.feed_forward = SwiGLU(seed=self.seed + 2, dtype=self.dtype_policy, name="feed_forward")
        self.attention.build(tokens_shape)
        self.feed_forward.build(tokens_shape)

    def compute_output_shape(self, tokens_shape, styles_shape=None):
        return tokens_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "grid": self.grid, "seed": self.seed}


@keras.saving.register_keras_serializable("tfgan_suite")
class GATGeneratorBlock(_Block):
    """`x + g1 * attention(norm(x) (1 + s1))`, then `x + g2 * swiglu(norm(x) (1 + s2))`; a style gives s1, g1, s2 and g2.

    The gates begin near zero, and so a block near the identity.

    Args:
        num_heads: Integer >= 1.
        grid: Tuple of two integers, patches from top to bottom and from left to right.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        tokens: Float `[batch, rows * columns, width]`.
        styles: Float `[batch, width]`, after the SiLU.

    Output shape:
        As `tokens`.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3.
    """

    def build(self, tokens_shape, styles_shape=None):
        super().build(tokens_shape)
        self.modulate = modulation(4 * tokens_shape[-1], self.seed + 4, self.dtype_policy)
        self.modulate.build([None, tokens_shape[-1]])

    def call(self, tokens, styles):
        scales_1, gates_1, scales_2, gates_2 = tf.split(self.modulate(styles)[:, None], 4, axis=-1)
        tokens += gates_1 * self.attention(normalize(tokens) * (1.0 + scales_1))
        return tokens + gates_2 * self.feed_forward(normalize(tokens) * (1.0 + scales_2))


@keras.saving.register_keras_serializable("tfgan_suite")
class GATDiscriminatorBlock(_Block):
    """`x + a * attention(norm(x))`, then `x + b * swiglu(norm(x))`, with a number of a and b for each channel, 0.1 at first.

    Args:
        num_heads: Integer >= 1.
        grid: Tuple of two integers, patches from top to bottom and from left to right.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        Float `[batch, 1 + rows * columns, width]`, the token of the class first.

    Output shape:
        The same.

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3; the weights of branches: Touvron et al.,
    "Going deeper with Image Transformers" (2021), equation 4.
    """

    others = 1

    def build(self, tokens_shape, styles_shape=None):
        super().build(tokens_shape)
        self.normalize_1, self.normalize_2 = (
            keras.layers.RMSNormalization(epsilon=EPSILON, dtype=self.dtype_policy, name=f"normalize_{index}")
            for index in (1, 2)
        )
        for layer in (self.normalize_1, self.normalize_2):
            layer.build(tokens_shape)
        self.weight_1, self.weight_2 = (
            self.add_weight(
                name=f"weight_{index}", shape=tokens_shape[-1:], initializer=keras.initializers.Constant(0.1)
            )
            for index in (1, 2)
        )

    def call(self, tokens):
        tokens += self._weigh(self.weight_1) * self.attention(self.normalize_1(tokens))
        return tokens + self._weigh(self.weight_2) * self.feed_forward(self.normalize_2(tokens))

    def _weigh(self, weight):
        return tf.cast(weight, self.compute_dtype)


def normalize(tokens):
    """Root mean square 1 for each token, without weights."""
    return keras.ops.rms_normalization(tokens, axis=-1, epsilon=EPSILON)


def modulation(units, seed, dtype):
    """The dense layer from styles to scales and gates, whose weights begin at a tenth of Glorot's."""
    initializer = keras.initializers.VarianceScaling(0.1**2, mode="fan_avg", distribution="uniform", seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, dtype=dtype, name="modulate")
