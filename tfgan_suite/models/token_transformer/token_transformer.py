"""TokenTransformer: the probability of a sequence is that of each token given those before it."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.update import Objective
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.randomness import fold, uniform
from tfgan_suite.generative.abilities import GeneratesFromDraws, HasLikelihood, WritesText, require
from tfgan_suite.generative.prompted_text import PromptedText
from tfgan_suite.layers.cached_attention import CACHE_BLOCK
from tfgan_suite.likelihood.anomaly_scores import ScoresByLikelihood
from tfgan_suite.likelihood.token_choice import TEMPERATURE, TOP_K, TOP_P, choose_tokens
from tfgan_suite.models.token_transformer.text_continuation import continue_text
from tfgan_suite.models.token_transformer.token_model import TokenModel
from tfgan_suite.models.token_transformer.token_transformer_presets import PRESETS

_EXAMPLES_AT_A_TIME = 64


@keras.saving.register_keras_serializable("tfgan_suite")
class TokenTransformer(PromptedText, ScoresByLikelihood, HasLikelihood, GeneratesFromDraws, TokenModel):
    """An autoregressive transformer over tokens of any kind: bytes, codes of a `VQVAE`, notes.

    `log_prob` is the exact likelihood. `generate` draws token by token; keys and values of earlier tokens are kept, so that all
    tokens together are about one pass of the network. `complete` continues what is given. Of text (`TextSpec`),
    `generate(prompt="Call me")` continues prompts to any length.

    Args:
        spec: A `TokenSpec`, or a dict of its arguments. By default 256 bytes.
        width: Integer >= 1. Length of the vector of a position, a multiple of twice `num_heads`.
        num_blocks: Integer >= 1. Blocks of attention and dense layers.
        num_heads: Integer >= 1. Heads of the attention.
        num_classes: Integer, or `None` for an unconditional model.
        ngram_sizes: Tuple of integers >= 2. Lengths of runs of tokens that have vectors of their own, besides single ones; see
            `NgramEmbedding`. Of text they save a small model most of its training.
        ngram_buckets: Integer in [2, 2^20]. Vectors for each of these lengths.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: A spec of another kind, a width that does not fit the heads, or sizes or buckets out of range.

    Example:

    >>> model = TokenTransformer({"shape": [8], "vocabulary_size": 4}, width=8, num_blocks=1, num_heads=2)
    >>> model.compile()
    >>> tokens = np.random.default_rng(0).integers(0, 4, [16, 8])
    >>> history = model.fit(tokens, batch_size=8, verbose=0)
    >>> model.bits_per_token(tokens).shape, model.generate(2, temperature=0.9, top_k=3).shape
    ((16,), (2, 8))

    Reference: Vaswani et al., "Attention Is All You Need" (2017); Su et al., "RoFormer" (2021).
    """

    likelihood = "exact"
    presets = PRESETS
    sampling_options = (TEMPERATURE, TOP_K, TOP_P)
    logged = ("loss", "bits_per_token")

    def __init__(
        self,
        spec=None,
        *,
        width=128,
        num_blocks=4,
        num_heads=4,
        ngram_sizes=(),
        ngram_buckets=16381,
        num_classes=None,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        self.ngram_sizes = tuple(ngram_sizes)
        if not all(is_count(size) and size >= 2 for size in self.ngram_sizes) or len({*ngram_sizes}) < len(ngram_sizes):
            raise ValueError(f"`ngram_sizes` must be different integers >= 2. Received: ngram_sizes={ngram_sizes!r}")
        if not is_count(ngram_buckets) or not 2 <= ngram_buckets <= 2**20:
            raise ValueError(
                f"`ngram_buckets` must be an integer in [2, 2^20]. Received: ngram_buckets={ngram_buckets!r}"
            )
        self.ngram_buckets = ngram_buckets
        super().__init__(
            spec,
            width=width,
            num_blocks=num_blocks,
            num_heads=num_heads,
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            network={"ngram_sizes": self.ngram_sizes, "ngram_buckets": ngram_buckets},
            **kwargs,
        )

    def can(self, ability):
        return super().can(ability) and (ability is not WritesText or self.spec.kind == "text")

    # === Likelihood ===

    def objective(self, batch):
        """The negative log-likelihood in nats per token."""
        tokens = self.flat_tokens(batch.examples)
        losses = -_log_probabilities(self.logits_of(tokens, batch.labels, batch.training), tokens)
        loss = tf.reduce_mean(losses, axis=1)
        return Objective({"loss": loss}, {"bits_per_token": loss / math.log(2.0)})

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        """The natural logarithm of the probability of sequences, exactly.

        Args:
            examples: Integers `[batch, *spec.shape]`, or floats of whole numbers.
            labels: Integers `[batch]` of a conditional model.
            samples: Of no effect.
            seed: Of no effect.

        Returns:
            float64 `[batch]`, at most 0.

        Raises:
            UserError: Sequences of another shape, tokens out of range, or labels that do not fit.
        """
        examples = tf.convert_to_tensor(examples)
        try:
            self.spec.check_batch(examples)
        except ValueError as error:
            raise UserError(str(error)) from None
        if not tf.executing_eagerly():
            return self._log_prob(examples, labels)
        self.spec.check_values(examples.numpy())
        if labels is None and self.num_classes is not None:
            raise UserError(
                f"`labels` must be {len(examples)} integers, since the model is conditional. Received: labels=None"
            )
        labels = self._checked_labels(labels, len(examples))
        if "_log_prob_function" not in self.__dict__:
            function = tf.function(self._log_prob, autograph=False, reduce_retracing=True)
            object.__setattr__(self, "_log_prob_function", function)  # A function is no state.
        size = _EXAMPLES_AT_A_TIME
        parts = [
            self.__dict__["_log_prob_function"](
                examples[i : i + size], None if labels is None else labels[i : i + size]
            )
            for i in range(0, len(examples), size)
        ]
        return tf.concat(parts, axis=0) if parts else tf.zeros([0], tf.float64)

    def _log_prob(self, examples, labels):
        tokens = self.flat_tokens(examples)
        each = _log_probabilities(self.logits_of(tokens, labels), tokens)
        return tf.reduce_sum(tf.cast(each, tf.float64), axis=1)

    def log_prob_given(self, examples, labels=None, noise=None):
        # In float32, since not all engines have more.
        tokens = self.flat_tokens(examples)
        return tf.reduce_sum(_log_probabilities(self.logits_of(tokens, labels), tokens), axis=1)

    def bits_per_token(self, examples, labels=None):
        """`-log_prob / (tokens * ln 2)` of each sequence, a float64 array."""
        return -self.log_prob(examples, labels).numpy() / (self.num_tokens_of_example * math.log(2.0))

    def bits_per_dimension(self, examples, labels=None, samples=1, seed=0):
        """As `bits_per_token`, under the name that all models with a likelihood have."""
        return self.bits_per_token(examples, labels)

    def bits_per_byte(self, examples, num_bytes=None, labels=None):
        """`-log_prob / (bytes * ln 2)` of each sequence, a float64 array: what compares models with other tokens.

        Args:
            examples: Integers `[batch, *spec.shape]`.
            num_bytes: Integers `[batch]`, or one for all: the bytes that the tokens stand for. By default as many as tokens,
                where tokens are bytes.
            labels: Integers `[batch]` of a conditional model.

        Raises:
            UserError: The tokens are no bytes, and `num_bytes` is not given.
        """
        if num_bytes is None:
            if self.spec.vocabulary_size != 256:
                raise UserError(
                    f"`num_bytes` must say how many bytes the tokens of a sequence stand for: of {self.spec.vocabulary_size} "
                    "different ones they are no bytes. Received: num_bytes=None"
                )
            num_bytes = self.num_tokens_of_example
        return -self.log_prob(examples, labels).numpy() / (num_bytes * math.log(2.0))

    def byte_log_prob(self, examples, labels=None):
        require(self, WritesText, "A likelihood of bytes")
        tokens = self.flat_tokens(examples)
        return _log_probabilities(self.logits_of(tokens, labels), tokens)

    def curves(self):
        return [
            Chart("Bits per token", {"exact": "bits_per_token"}, "bits", "What a token costs. Lower is better."),
            Chart("Length of the gradients", {"network": "gradient_norm/network"}, "norm"),
        ]

    def progress_labels(self):
        return {"bits/token": "bits_per_token"}

    # === Sampling ===

    def draws_of(self, seeds):
        """What chooses each token, float32 `[count, num_tokens_of_example]`, uniform in [0, 1)."""
        length = self.num_tokens_of_example
        return tf.map_fn(
            lambda seed: uniform([length], fold(seed, "tokens")),
            seeds,
            fn_output_signature=tf.TensorSpec([length], tf.float32),
        )

    @property
    def draws_shape(self):
        return (self.num_tokens_of_example,)

    def generate_from(self, draws, labels=None, **sampling):
        return tf.cast(self._draw(draws, labels, **sampling), tf.float32)

    def draw(self, seeds, labels=None, **sampling):
        return self._draw(self.draws_of(seeds), labels, **sampling)

    def _draw(self, draws, labels, temperature=1.0, top_k=0.0, top_p=1.0, given=None, mask=None):
        """Sequences token by token, each layer worked out once at each position."""
        network, length, count = self.ema_network, self.num_tokens_of_example, tf.shape(draws)[0]
        by_position, positions = {"draws": tf.transpose(draws)}, np.arange(length, dtype=np.int32)
        if given is not None:
            by_position["given"] = tf.transpose(tf.reshape(given, [-1, length]))
            by_position["mask"] = tf.transpose(tf.reshape(mask, [-1, length]))

        def draw_token(block, slot, values, caches, tokens):
            position = block * CACHE_BLOCK + slot
            logits, caches = network.step(values, block, slot, caches)
            own = {name: tf.gather(rows, position) for name, rows in by_position.items()}
            token = choose_tokens(logits, own["draws"], temperature, top_k, top_p)
            if given is not None:
                token = tf.where(own["mask"], own["given"], token)
            # By a choice of every element, since neither slices nor lists are updated in all exports.
            tokens = tf.where(tf.equal(positions, position), token[:, None], tokens)
            values, caches = network.embed(token, caches)
            return slot + 1, values, caches, tokens

        def draw_block(block, *state):
            end = tf.minimum(CACHE_BLOCK, length - block * CACHE_BLOCK)
            _, values, caches, tokens = _loop(end, lambda slot, *state: draw_token(block, slot, *state), state)
            return block + 1, values, network.end_block(block, caches), tokens

        state = network.start(count, labels), network.initial_caches(count), tf.zeros([count, length], tf.int32)
        *_, tokens = _loop(-(-length // CACHE_BLOCK), draw_block, state)
        return self.spec.to_edge(tf.reshape(tokens, [-1, *self.spec.shape]))

    def continue_text(self, prompts, seeds, num_bytes, labels=None, **sampling):
        """What follows after prompts, inside of a graph.

        A window of the model is written at a time. The first one begins with the last half window of the prompt, or all of a
        shorter one; each later one with the last half of the window before it. So a byte follows half a window or more of text.
        """
        require(self, WritesText, "A continuation")

        def draw(seeds, given, mask):
            return self.draw(seeds, labels, **sampling, given=given, mask=mask)

        return continue_text(draw, self.num_tokens_of_example, prompts, seeds, num_bytes)

    def get_config(self):
        return {
            **super().get_config(),
            "ngram_sizes": list(self.ngram_sizes),
            "ngram_buckets": self.ngram_buckets,
        }


def _loop(count, body, state):
    """A loop of `count` turns over a state of values, caches and tokens, with an open batch; `body` gets the turn first."""
    shapes = tf.nest.map_structure(lambda one: tf.TensorShape([None, *one.shape[1:]]), state)
    return tf.while_loop(
        lambda turn, *_: turn < count,
        body,
        (tf.constant(0), *state),
        shape_invariants=(tf.TensorShape([]), *shapes),
        parallel_iterations=1,
    )


def _log_probabilities(logits, tokens):
    """Log-probability of each token, float32 `[batch, length]`."""
    return tf.gather(tf.nn.log_softmax(logits), tokens, batch_dims=2)
