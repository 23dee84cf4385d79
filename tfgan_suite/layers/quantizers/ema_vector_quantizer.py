"""EMAVectorQuantizer: a codebook of averages of the vectors that were nearest to each code."""

import keras
import tensorflow as tf

from tfgan_suite.layers.quantizers.quantizer import move_average, over_replicas
from tfgan_suite.layers.quantizers.vector_quantizer import VectorQuantizer, replace_rows
from tfgan_suite.layers.replicated_state import replicated_state


@keras.saving.register_keras_serializable("tfgan_suite")
class EMAVectorQuantizer(VectorQuantizer):
    """VQ-EMA: the nearest of a table of codes, each the average of the vectors that became it.

    After each step counts and sums of the vectors, over all replicas and microbatches, move averages without bias towards their
    beginning; a code is sum over count, counts with Laplace smoothing. Tokens, losses and codes of a step are those of the
    codebook before it moves. The loss is the commitment alone. Without `restart`, a code that nobody uses drifts to the origin.

    Args:
        epsilon: Float > 0. What is added to the counts.
        **kwargs: As for `VectorQuantizer`.

    Example:

    >>> quantizer = EMAVectorQuantizer(size=2, num_codes=4, decay=0.0)
    >>> vectors = np.array([[[0.0, 1.0], [4.0, 5.0]]], "float32")
    >>> _ = quantizer(vectors, training=True)
    >>> quantizer.update()
    >>> bool(np.abs(quantizer.decode(quantizer.encode(vectors)) - vectors).max() < 1e-3)
    True

    Reference: van den Oord et al., "Neural Discrete Representation Learning" (2017), appendix A.1; the averages without bias
    are those of the authors' code.
    """

    trains_codebook = False

    def __init__(self, size=8, num_codes=512, commitment=0.25, decay=0.99, epsilon=1e-5, **kwargs):
        super().__init__(size, num_codes, commitment, decay, **kwargs)
        if not epsilon > 0.0:
            raise ValueError(f"`epsilon` must be > 0. Received: epsilon={epsilon!r}")
        self.epsilon = float(epsilon)

    def build(self, input_shape):
        super().build(input_shape)
        self.average_sums = replicated_state("average_sums", [self.num_codes, self.size], "zeros")
        self.sums = replicated_state("sums", [self.num_codes, self.size], "zeros")  # Of this step, of this replica.

    def observe(self, vectors, tokens):
        super().observe(vectors, tokens)
        flat, tokens = tf.reshape(vectors, [-1, self.size]), tf.reshape(tokens, [-1])
        self.sums.assign_add(tf.math.unsorted_segment_sum(flat, tokens, self.num_codes))

    def move_codebook(self):
        sums = over_replicas(tf.convert_to_tensor(self.sums))
        move_average(self.average_sums, sums, self.decay)
        self.sums.assign(tf.zeros_like(sums))
        counts = self.unbiased(self.average_counts)
        total = tf.reduce_sum(counts)
        smoothed = (counts + self.epsilon) / (total + self.num_codes * self.epsilon) * total
        self.codebook.assign(tf.math.divide_no_nan(self.unbiased(self.average_sums), smoothed[:, None]))

    def begin_anew(self, codes, begins, vectors):
        super().begin_anew(codes, begins, vectors)
        counts = tf.gather(tf.convert_to_tensor(self.average_counts), codes)
        sums = tf.convert_to_tensor(self.average_sums)
        self.average_sums.assign(replace_rows(sums, codes, begins, counts[:, None] * vectors))

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
