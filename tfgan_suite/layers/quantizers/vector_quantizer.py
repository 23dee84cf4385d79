"""VectorQuantizer: a vector becomes the nearest one of a learned codebook."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.foundation.randomness import draw_per_example, fold, uniform
from tfgan_suite.layers.quantizers.quantizer import (
    IN_USE,
    Quantized,
    Quantizer,
    look_up,
    of_all_replicas,
    straight_through,
)
from tfgan_suite.layers.replicated_state import replicated_state

# The most codes that begin anew in one step.
_MOST_RESTARTS = 64


@keras.saving.register_keras_serializable("tfgan_suite")
class VectorQuantizer(Quantizer):
    """VQ: the nearest of a table of codes, which gradients move.

    The loss of an example is `mean((code - sg(vector))^2) + commitment * mean((sg(code) - vector)^2)`, over its vectors and their
    numbers.

    A code whose share of all tokens, averaged over steps, is below a tenth of `1 / num_codes` is dead. After a step up to 64 dead
    codes, the least used ones first, begin anew at vectors of that step, drawn from all replicas and microbatches, and count as
    used like the average code from then on. So the first steps also set a new codebook to the data.

    Args:
        size: Integer >= 1. Length of a vector; 4 to 32 keep the codes in use.
        num_codes: Integer >= 2. Number of codes.
        commitment: Float >= 0. Weight of the second part of the loss.
        decay: Float in [0, 1). Of the average use of the codes.
        restart: Boolean. Whether dead codes begin anew.
        seed: Integer. For the first codes, and for which vectors codes begin anew at.

    Input shape:
        Float `[batch, ..., size]`.

    Raises:
        ValueError: An argument out of range.

    Example:

    >>> quantizer = VectorQuantizer(size=2, num_codes=16)
    >>> codes, tokens, losses = quantizer(np.zeros([3, 4, 4, 2], "float32"))
    >>> codes.shape, tokens.shape, losses.shape
    (TensorShape([3, 4, 4, 2]), TensorShape([3, 4, 4]), TensorShape([3]))

    Reference: van den Oord et al., "Neural Discrete Representation Learning" (2017), equations 1 to 3.
    """

    trains_codebook = True

    def __init__(self, size=8, num_codes=512, commitment=0.25, decay=0.99, restart=True, seed=0, **kwargs):
        super().__init__(size, num_codes, decay, **kwargs)
        if not is_number(commitment) or commitment < 0:
            raise ValueError(f"`commitment` must be >= 0. Received: commitment={commitment!r}")
        self.commitment = float(commitment)
        self.restart = bool(restart)
        self.seed = int(seed)

    def build(self, input_shape):
        super().build(input_shape)
        self.codebook = self.add_weight(
            name="codebook",
            shape=[self.num_codes, self.size],
            # Sonnet's, whose table is [size, num_codes].
            initializer=keras.initializers.RandomUniform(
                -((3.0 / self.size) ** 0.5), (3.0 / self.size) ** 0.5, self.seed
            ),
            trainable=self.trains_codebook,
            autocast=False,
            dtype="float32",
            aggregation="only_first_replica",  # `update` sets the same codes on all of them.
        )
        # Vectors of this step at which codes may begin anew: those of the highest priority, a draw in [0, 1) for each vector.
        most = min(self.num_codes, _MOST_RESTARTS)
        self.candidates = replicated_state("candidates", [most, self.size], "zeros")
        self.priorities = replicated_state("priorities", [most], keras.initializers.Constant(-1.0))

    def to_codes(self, vectors):
        codebook = tf.convert_to_tensor(self.codebook)
        tokens = self._nearest(tf.stop_gradient(vectors), tf.stop_gradient(codebook))
        codes = look_up(codebook, tokens)
        # Not `commitment * x + x` of one difference: either side sees its own part of the gradient.
        towards_vectors = _mean_per_example(tf.square(codes - tf.stop_gradient(vectors)))
        towards_codes = _mean_per_example(tf.square(tf.stop_gradient(codes) - vectors))
        losses = self.commitment * towards_codes
        if self.trains_codebook:
            losses += towards_vectors
        return Quantized(straight_through(vectors, codes), tokens, losses)

    def decode(self, tokens):
        return look_up(tf.convert_to_tensor(self.codebook), tokens)

    def _nearest(self, vectors, codebook):
        flat = tf.reshape(vectors, [-1, self.size])
        distances = (
            tf.reduce_sum(tf.square(flat), axis=1, keepdims=True)
            - 2.0 * tf.matmul(flat, codebook, transpose_b=True)
            + tf.reduce_sum(tf.square(codebook), axis=1)
        )
        return tf.reshape(tf.argmin(distances, axis=1, output_type=tf.int32), tf.shape(vectors)[:-1])

    # === Dead codes ===

    def observe(self, vectors, tokens):
        super().observe(vectors, tokens)
        if not self.restart:
            return
        seed = fold(self.seed, "restart", tf.cast(tf.convert_to_tensor(self.num_updates), tf.int32))
        positions = tf.shape(tf.reshape(tokens, [tf.shape(tokens)[0], -1]))[1]
        drawn = draw_per_example(lambda count, seed: uniform([count, positions], seed), tf.shape(vectors)[0], seed)
        self._keep_candidates(tf.reshape(drawn, [-1]), tf.reshape(vectors, [-1, self.size]))

    def _keep_candidates(self, priorities, vectors):
        priorities = tf.concat([tf.convert_to_tensor(self.priorities), priorities], axis=0)
        vectors = tf.concat([tf.convert_to_tensor(self.candidates), vectors], axis=0)
        priorities, rows = tf.math.top_k(priorities, self.priorities.shape[0])
        self.priorities.assign(priorities)
        self.candidates.assign(tf.gather(vectors, rows))

    def update(self):
        super().update()
        self.move_codebook()
        if self.restart:
            self._restart_dead_codes()

    def move_codebook(self):
        """Moves the codes by what was seen in this step, if gradients do not."""

    def _restart_dead_codes(self):
        most = self.priorities.shape[0]
        priorities, rows = tf.math.top_k(of_all_replicas(tf.convert_to_tensor(self.priorities)), most)
        candidates = tf.gather(of_all_replicas(tf.convert_to_tensor(self.candidates)), rows)
        # The least used codes first; among equals, the first ones.
        least, codes = tf.math.top_k(-self.usage() * self.num_codes, most)
        begins = (-least < IN_USE) & (priorities >= 0.0)
        self.begin_anew(codes, begins, candidates)
        self.priorities.assign(-tf.ones_like(priorities))
        self.candidates.assign(tf.zeros_like(candidates))

    def begin_anew(self, codes, begins, vectors):
        """Sets codes to vectors.

        Args:
            codes: int32 `[count]`. Different codes.
            begins: Boolean `[count]`. Which of them begin anew.
            vectors: float32 `[count, size]`. Where.
        """
        counts = tf.convert_to_tensor(self.average_counts)
        mean = tf.fill(tf.shape(codes), tf.reduce_mean(counts))
        self.average_counts.assign(replace_rows(counts, codes, begins, mean))
        self.codebook.assign(replace_rows(tf.convert_to_tensor(self.codebook), codes, begins, vectors))

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "num_codes": self.num_codes,
            "commitment": self.commitment,
            "restart": self.restart,
            "seed": self.seed,
        }


def replace_rows(table, rows, mask, values):
    """A table with some rows replaced where the mask says so."""
    mask = tf.reshape(mask, [-1] + [1] * (table.shape.rank - 1))
    return tf.tensor_scatter_nd_update(table, rows[:, None], tf.where(mask, values, tf.gather(table, rows)))


def _mean_per_example(values):
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)
