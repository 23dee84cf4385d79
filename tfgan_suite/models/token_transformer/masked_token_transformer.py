"""MaskedTokenTransformer: all tokens are guessed at once, and the surest ones kept, a few times over."""

import math

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.update import Objective
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.generative.abilities import GeneratesFromDraws
from tfgan_suite.generative.sampling_options import SamplingOption
from tfgan_suite.likelihood.noise import BatchNoise, ExampleNoise
from tfgan_suite.likelihood.token_choice import TEMPERATURE, TOP_K, TOP_P, choose_tokens
from tfgan_suite.models.token_transformer.token_model import TokenModel
from tfgan_suite.models.token_transformer.token_transformer_presets import MASKED_PRESETS

STEPS = SamplingOption("steps", 8, 1, 256, "Passes of the network; in each one more of the tokens are decided.")
CONFIDENCE_NOISE = SamplingOption(
    "confidence_noise",
    4.5,
    0.0,
    100.0,
    "Noise on which tokens are the surest, at first; 0 keeps to the likeliest ones.",
)


@keras.saving.register_keras_serializable("tfgan_suite")
class MaskedTokenTransformer(GeneratesFromDraws, TokenModel):
    """MaskGIT: a transformer that sees all tokens, those that are unknown as such, and guesses these.

    `generate` begins with no token. In each of `steps` passes it draws all unknown tokens, and keeps the ones that it is surest
    of, as many as a cosine says; the others are unknown again. That is a handful of passes in the place of one a token. It has
    no likelihood. `complete` fills in any part.

    Args:
        spec: A `TokenSpec`, or a dict of its arguments. By default 256 bytes.
        width: Integer >= 1. Length of the vector of a position, a multiple of twice `num_heads`.
        num_blocks: Integer >= 1. Blocks of attention and dense layers.
        num_heads: Integer >= 1. Heads of the attention.
        label_smoothing: Float in [0, 1). Probability that the targets give to all tokens alike.
        num_classes: Integer, or `None` for an unconditional model.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: A spec of another kind, a width that does not fit the heads, or a label smoothing out of range.

    Example:

    >>> model = MaskedTokenTransformer({"shape": [2, 4], "vocabulary_size": 5}, width=8, num_blocks=1, num_heads=2)
    >>> model.compile()
    >>> history = model.fit(np.random.default_rng(0).integers(0, 5, [16, 2, 4]), batch_size=8, verbose=0)
    >>> model.generate(3, steps=4).shape
    (3, 2, 4)

    Reference: Chang et al., "MaskGIT: Masked Generative Image Transformer" (2022), sections 3.2 and 3.3.
    """

    causal = False
    presets = MASKED_PRESETS
    sampling_options = (TEMPERATURE, TOP_K, TOP_P, STEPS, CONFIDENCE_NOISE)
    logged = ("loss", "masked_share", "masked_accuracy")

    def __init__(
        self,
        spec=None,
        *,
        width=128,
        num_blocks=4,
        num_heads=4,
        label_smoothing=0.1,
        num_classes=None,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(
            spec,
            width=width,
            num_blocks=num_blocks,
            num_heads=num_heads,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        if not is_number(label_smoothing) or not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"`label_smoothing` must be in [0, 1). Received: label_smoothing={label_smoothing!r}")
        self.label_smoothing = float(label_smoothing)

    @property
    def unknown(self):
        """Integer. The token that stands for an unknown one."""
        return self.spec.vocabulary_size

    # === Training ===

    def default_training(self):
        return {**super().default_training(), "optimizer": Adam(1e-3, beta_1=0.9, beta_2=0.96)}

    def objective(self, batch):
        """Cross-entropy of the tokens that are masked, their mean for each example, in nats."""
        tokens, length = self.flat_tokens(batch.examples), self.num_tokens_of_example
        noise = BatchNoise(batch.seed, tf.shape(tokens)[0])
        # A share of cos(pi r / 2), r uniform, of the positions with the lowest draws.
        count = tf.math.ceil(tf.cos(0.5 * math.pi * noise.uniform("share", [1])) * length)
        masked = _ranks(noise.uniform("positions", [length])) < tf.cast(count, tf.int32)
        logits = self.logits_of(tf.where(masked, self.unknown, tokens), batch.labels, batch.training)
        log_probabilities = tf.nn.log_softmax(logits)
        own = tf.gather(log_probabilities, tokens, batch_dims=2)
        smoothed = tf.reduce_mean(log_probabilities, axis=-1)
        losses = -(1.0 - self.label_smoothing) * own - self.label_smoothing * smoothed
        weights = tf.cast(masked, tf.float32)
        total = tf.reduce_sum(weights, axis=1)
        right = tf.cast(tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tokens), tf.float32)
        logs = {
            "masked_share": total / float(length),
            "masked_accuracy": tf.reduce_sum(weights * right, axis=1) / total,
        }
        return Objective({"loss": tf.reduce_sum(weights * losses, axis=1) / total}, logs)

    # === Sampling ===

    @property
    def draws_shape(self):
        return (STEPS.default, 2, self.num_tokens_of_example)

    def generate_from(self, draws, labels=None, **sampling):
        """Float32 tokens, in as many passes as by default: draws hold for each what chooses tokens and how sure they are."""

        def draws_of(step):
            return tf.unstack(tf.gather(draws, step, axis=1), axis=1)

        return tf.cast(self._draw(draws_of, tf.shape(draws)[0], labels, **sampling), tf.float32)

    def draw(self, seeds, labels=None, **sampling):
        length, noise = self.num_tokens_of_example, ExampleNoise(seeds)

        def draws_of(step):
            own = noise.sample(step)
            return own.uniform("tokens", [length]), own.uniform("confidence", [length])

        return self._draw(draws_of, tf.shape(seeds)[0], labels, **sampling)

    def _draw(
        self,
        draws_of,
        count,
        labels,
        temperature=1.0,
        top_k=0.0,
        top_p=1.0,
        steps=STEPS.default,
        confidence_noise=CONFIDENCE_NOISE.default,
        given=None,
        mask=None,
    ):
        """Sequences in a few passes of the network."""
        length = self.num_tokens_of_example
        tokens = tf.fill([count, length], self.unknown)
        if given is not None:
            tokens = tf.where(tf.reshape(mask, [-1, length]), tf.reshape(given, [-1, length]), tokens)
        num_unknown = tf.reduce_sum(tf.cast(tf.equal(tokens, self.unknown), tf.float32), axis=1, keepdims=True)
        # One for all sequences, or one for each.
        steps = tf.maximum(tf.round(tf.reshape(tf.cast(steps, tf.float32), [-1, 1])), 1.0)
        confidence_noise = tf.reshape(confidence_noise, [-1, 1])

        def draw_some(step, tokens):
            chosen_by, sure_by = draws_of(step)
            unknown = tf.equal(tokens, self.unknown)
            logits = self.logits_of(tokens, labels)
            drawn = choose_tokens(logits, chosen_by, temperature, top_k, top_p)
            log_probability = tf.gather(tf.nn.log_softmax(logits), drawn, batch_dims=2)
            share = tf.cast(step + 1, tf.float32) / steps
            gumbel = -tf.math.log(-tf.math.log(sure_by))
            confidence = log_probability + confidence_noise * (1.0 - share) * gumbel
            # At least one token is decided in each step, and all of them in the last one.
            left = tf.reduce_sum(tf.cast(unknown, tf.float32), axis=1, keepdims=True)
            masked = tf.minimum(tf.floor(tf.cos(0.5 * math.pi * share) * num_unknown), left - 1.0)
            masked = tf.where(share >= 1.0, 0.0, masked)
            # Those that are known are the surest, and never unknown again.
            ranks = _ranks(tf.where(unknown, confidence, float("inf")))
            drawn = tf.where(unknown, drawn, tokens)
            return step + 1, tf.where(unknown & (ranks < tf.cast(masked, tf.int32)), self.unknown, drawn)

        _, tokens = tf.while_loop(
            lambda step, _: step < tf.cast(tf.reduce_max(steps), tf.int32),
            draw_some,
            (tf.constant(0), tokens),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, length])),
            parallel_iterations=1,
        )
        return self.spec.to_edge(tf.reshape(tokens, [-1, *self.spec.shape]))

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def _ranks(values):
    """The place of each number among those of its row in ascending order, int32."""
    return tf.argsort(tf.argsort(values, axis=1, stable=True), axis=1, stable=True)
