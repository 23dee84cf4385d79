"""Quantizer: base of the layers that turn vectors into tokens, and their count of which tokens are in use."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan_suite.foundation.microbatches import copies_of_batch, replicas_of_batch
from tfgan_suite.layers.replicated_state import replicated_state

# A code is in use if its share of all tokens is at least this part of what it is when all codes are used alike.
IN_USE = 0.1


class Quantized(NamedTuple):
    """What a quantizer makes of vectors.

    Attributes:
        codes: Float tensor of the inputs' shape. What the tokens stand for; gradients go straight through to the inputs.
        tokens: int32 `[batch, ...]`. From 0 to `num_codes - 1`.
        losses: float32 `[batch]`. What the quantizer adds to the loss of each example.
    """

    codes: tf.Tensor
    tokens: tf.Tensor
    losses: tf.Tensor


class Quantizer(keras.layers.Layer):
    """Base of quantizers. A subclass implements `to_codes` and `decode`.

    With `training=True` a call counts its tokens. `update`, to be called once after each step in every replica, turns the counts
    of all replicas and microbatches into the average use of each code. `VQVAE` calls it.

    Args:
        size: Integer >= 1. Length of a vector.
        num_codes: Integer >= 2. Number of codes.
        decay: Float in [0, 1). `average = decay * average + (1 - decay) * value`, for averages over steps.

    Call arguments:
        inputs: Float `[batch, ..., size]`.
        training: Boolean. Whether what is seen counts.

    Returns:
        `Quantized`.
    """

    def __init__(self, size, num_codes, decay=0.99, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"`decay` must be in [0, 1). Received: decay={decay}")
        self.size = int(size)
        self.num_codes = int(num_codes)
        self.decay = float(decay)

    def build(self, input_shape):
        if input_shape[-1] != self.size:
            raise ValueError(f"Vectors must be of length {self.size}. Received: {input_shape[-1]}")
        # Equal on all replicas: changed in `update` alone, by what all of them have seen.
        self.num_updates = replicated_state("num_updates", [], "zeros")
        self.average_counts = replicated_state(
            "average_counts", [self.num_codes], "zeros"
        )  # Biased towards 0 at first.
        # A replica's own, zero between steps.
        self.counts = replicated_state("counts", [self.num_codes], "zeros")

    def call(self, inputs, training=False):
        # Codes are told apart in float32, whatever the policy.
        vectors = tf.cast(inputs, tf.float32)
        codes, tokens, losses = self.to_codes(vectors)
        if training:
            self.observe(tf.stop_gradient(vectors), tokens)
        return Quantized(tf.cast(codes, inputs.dtype), tokens, losses)

    def to_codes(self, vectors):
        """`Quantized` of float32 vectors `[batch, ..., size]`."""
        raise NotImplementedError

    def encode(self, inputs):
        """Tokens int32 `[batch, ...]` of vectors `[batch, ..., size]`."""
        return self(inputs).tokens

    def decode(self, tokens):
        """Codes float32 `[..., size]` of integers of any shape, from 0 to `num_codes - 1`."""
        raise NotImplementedError

    # === What is in use ===

    def observe(self, vectors, tokens):
        """Counts the tokens of a part of the batch."""
        self.counts.assign_add(count_tokens(tokens, self.num_codes))

    def update(self):
        """Ends a step: what all replicas have counted moves the averages."""
        counts = over_replicas(tf.convert_to_tensor(self.counts))
        self.num_updates.assign_add(1.0)
        move_average(self.average_counts, counts, self.decay)
        self.counts.assign(tf.zeros_like(counts))

    def unbiased(self, average):
        """An average that began with 0, as a tensor, without the weight of that beginning."""
        weight = 1.0 - tf.pow(self.decay, tf.convert_to_tensor(self.num_updates))
        return tf.math.divide_no_nan(tf.convert_to_tensor(average), weight)

    def usage(self):
        """The share of each code among all tokens, averaged over steps, float32 `[num_codes]`; all alike before the first."""
        counts = tf.convert_to_tensor(self.average_counts)
        total = tf.reduce_sum(counts)
        return tf.where(total > 0.0, tf.math.divide_no_nan(counts, total), 1.0 / self.num_codes)

    def perplexity(self):
        """The number of codes that would be as varied if all were used alike, a float32 scalar."""
        usage = self.usage()
        return tf.exp(-tf.reduce_sum(tf.math.xlogy(usage, usage)))

    def share_in_use(self):
        """The share of codes whose share of all tokens is at least a tenth of `1 / num_codes`, a float32 scalar."""
        return tf.reduce_mean(tf.cast(self.usage() * self.num_codes >= IN_USE, tf.float32))

    def compute_output_spec(self, inputs, training=False):
        def like(shape, dtype):
            return keras.KerasTensor(shape, dtype)

        return Quantized(
            like(inputs.shape, inputs.dtype), like(inputs.shape[:-1], "int32"), like(inputs.shape[:1], "float32")
        )

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


def straight_through(inputs, values):
    """`values`, with gradients as if they were `inputs`."""
    return inputs + tf.stop_gradient(values - inputs)


def look_up(table, tokens):
    """Rows of a table `[num_codes, size]`; fails for tokens outside of it, on a CPU."""
    # Whole numbers only are taken: a table needs no division, which ONNX rounds towards zero.
    return tf.gather(table, tf.cast(tokens, tf.int32))


def count_tokens(tokens, num_codes):
    """How often each token occurs, float32 `[num_codes]`."""
    tokens = tf.reshape(tokens, [-1])
    return tf.math.unsorted_segment_sum(tf.ones_like(tokens, tf.float32), tokens, num_codes)


def over_replicas(values):
    """The sum over the global batch of what each replica has summed over its part."""
    if replicas_of_batch() == 1:
        return values  # One device, or each replica has seen the whole batch.
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def of_all_replicas(rows):
    """The rows of all replicas, one below the other; of one where all have the same."""
    if replicas_of_batch() == 1 or copies_of_batch() > 1:
        return rows
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def move_average(average, value, decay):
    """`average = decay * average + (1 - decay) * value`."""
    average.assign(decay * tf.convert_to_tensor(average) + (1.0 - decay) * value)
