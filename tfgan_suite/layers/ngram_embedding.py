"""NgramEmbedding: vectors of the last few tokens together."""

import keras
import tensorflow as tf

# One of them is prime to any number of buckets.
_FACTORS = (1009, 1013, 1019)


@keras.saving.register_keras_serializable("tfgan_suite")
class NgramEmbedding(keras.layers.Layer):
    """A vector for each run of n tokens that ends at a position, summed over several n.

    Runs are hashed into a table for each n, so that any number of different ones have vectors, some of them the same one. What
    lies before the first token counts as a token of its own. A look-up costs next to nothing, and tells a small network
    at once what it would need several layers to see.

    Args:
        sizes: Tuple of integers >= 2. The lengths of the runs.
        buckets: Integer in [2, 2^20]. Vectors in each table; a prime spreads runs best.
        width: Integer >= 1. Length of the vectors.
        seed: Integer. Seed of the initial vectors.

    Input shape:
        int32 `[batch, length]`.

    Output shape:
        Float `[batch, length, width]`.

    Example:

    >>> NgramEmbedding((2, 3), 101, 4)(np.array([[5, 6, 7, 8]], "int32")).shape
    TensorShape([1, 4, 4])

    Reference: Pagnoni et al., "Byte Latent Transformer: Patches Scale Better Than Tokens" (2024), section 3.2.1.
    """

    def __init__(self, sizes, buckets, width, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)
        self.buckets = buckets
        self.width = width
        self.seed = seed
        self.tables = [
            keras.layers.Embedding(
                buckets,
                width,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + number),
                dtype=self.dtype_policy,
                name=f"table_{size}",
            )
            for number, size in enumerate(self.sizes)
        ]

    @property
    def num_before(self):
        """Integer. How many tokens before a position its vector depends on."""
        return max(self.sizes) - 1

    def build(self, input_shape):
        for table in self.tables:
            table.build(input_shape)

    def call(self, tokens):
        length = tokens.shape[1]
        before = tf.pad(tf.cast(tokens, tf.int32) + 1, [[0, 0], [self.num_before, 0]])
        return self._look_up([before[:, self.num_before - back :][:, :length] for back in range(self.num_before + 1)])

    def initial_recent(self, batch_size):
        """The state of `step` before the first token, int32 `[batch, num_before]`."""
        return tf.zeros([batch_size, self.num_before], tf.int32)

    def step(self, token, recent):
        """One position.

        Args:
            token: int32 `[batch]`.
            recent: int32 `[batch, num_before]`, as `initial_recent` or the last step returned it.

        Returns:
            Vectors `[batch, width]`, and the new state.
        """
        recent = tf.concat([recent, token[:, None] + 1], axis=1)  # The latest one last.
        vectors = self._look_up([recent[:, self.num_before - back] for back in range(self.num_before + 1)])
        return vectors, recent[:, 1:]

    def _look_up(self, shifted):
        """Sums the vectors of runs; `shifted[k]` holds what lies k tokens back, plus 1, and 0 before the first token."""
        factor = next(factor for factor in _FACTORS if self.buckets % factor)
        hashed, total = tf.zeros_like(shifted[0]), 0.0
        for back, tokens in enumerate(shifted):
            hashed = tf.math.floormod(hashed * factor + tokens, self.buckets)  # Far below 2^31.
            if back + 1 in self.sizes:
                total += self.tables[self.sizes.index(back + 1)](hashed)
        return total

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.width)

    def get_config(self):
        return {
            **super().get_config(),
            "sizes": list(self.sizes),
            "buckets": self.buckets,
            "width": self.width,
            "seed": self.seed,
        }
