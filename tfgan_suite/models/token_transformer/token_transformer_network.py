"""TokenTransformerNetwork: blocks of attention between tokens and logits, whole or one position at a time."""

import keras
import tensorflow as tf

from tfgan_suite.layers.ngram_embedding import NgramEmbedding
from tfgan_suite.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable("tfgan_suite")
class TokenTransformerNetwork(keras.Model):
    """Embeds tokens, transforms them in blocks, and gives logits for each position.

    A causal one sees a start in the place of the first token, each token in the place of the next one, and so gives logits of each
    token given those before it. Any other sees all tokens, of which `vocabulary_size` stands for an unknown one.

    Args:
        length: Integer >= 1. Positions.
        vocabulary_size: Integer >= 2. How many different tokens there are.
        width: Integer >= 1. Length of the vector of a position.
        num_blocks: Integer >= 1.
        num_heads: Integer >= 1.
        num_classes: Integer >= 1, or `None`. A class gives the start, or is added to every position.
        causal: Boolean.
        ngram_sizes: Tuple of integers >= 2. The runs of tokens that a causal network embeds besides single ones.
        ngram_buckets: Integer. Vectors for each of these sizes, as in `NgramEmbedding`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        tokens: Integers `[batch, length]`, or floats of whole numbers.
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, length, vocabulary_size]`.
    """

    def __init__(
        self,
        length,
        vocabulary_size,
        width=128,
        num_blocks=4,
        num_heads=4,
        num_classes=None,
        causal=True,
        seed=0,
        ngram_sizes=(),
        ngram_buckets=16381,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.length = length
        self.vocabulary_size = vocabulary_size
        self.width = width
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.num_classes = num_classes
        self.causal = causal
        self.seed = seed
        self.ngram_sizes = tuple(ngram_sizes)
        self.ngram_buckets = ngram_buckets
        dtype = self.dtype_policy

        def embedding(count, number, name):
            initializer = keras.initializers.RandomNormal(stddev=0.02, seed=seed + number)
            return keras.layers.Embedding(count, width, embeddings_initializer=initializer, dtype=dtype, name=name)

        self.embed_token = embedding(vocabulary_size + (0 if causal else 1), 0, "embed_token")
        # Without classes there is one start.
        self.embed_class = embedding(num_classes or 1, 1, "embed_class")
        self.embed_ngrams = None
        if self.ngram_sizes:
            self.embed_ngrams = NgramEmbedding(
                self.ngram_sizes, ngram_buckets, width, seed=seed + 3, dtype=dtype, name="embed_ngrams"
            )
        self.blocks = [
            TransformerBlock(
                num_heads, length, causal, seed=seed + 10 * (index + 1), dtype=dtype, name=f"block_{index}"
            )
            for index in range(num_blocks)
        ]
        self.normalize = keras.layers.RMSNormalization(epsilon=1e-6, dtype=dtype, name="normalize")
        # Logits are sampled, and counted in bits: bfloat16 would make ties of them.
        self.to_logits = keras.layers.Dense(
            vocabulary_size,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 2),
            dtype="float32",
            name="to_logits",
        )

    def call(self, tokens, labels=None, training=False):
        tokens = tf.cast(tokens, tf.int32)
        values = self.embed_token(tokens)
        if self.embed_ngrams is not None:
            values += self.embed_ngrams(tokens)
        start = self.start(tf.shape(tokens)[0], labels)[:, None]
        values = tf.concat([start, values[:, :-1]], axis=1) if self.causal else values + start
        for block in self.blocks:
            values = block(values)
        return self._logits(values)

    def start(self, batch_size, labels=None):
        """The vector of each example's class, `[batch, width]`; the same for all without classes."""
        return self.embed_class(tf.zeros([batch_size], tf.int32) if labels is None else labels)

    def step(self, values, block, slot, caches):
        """One position of a causal network.

        Args:
            values: Float `[batch, width]`. What the network sees there: the start, or the embedding of the token before.
            block: int32 scalar. Which block of `CACHE_BLOCK` positions it is.
            slot: int32 scalar. The place in it.
            caches: List of the caches of all layers.

        Returns:
            Logits float32 `[batch, vocabulary_size]`, and the caches.
        """
        place, kept = self.blocks[0].attention.place(block, slot, caches[0]), []
        for layer, cache in zip(self.blocks, caches):
            values, cache = layer.step(values, place, cache)
            kept.append(cache)
        return self._logits(values), [*kept, *caches[len(kept) :]]

    def embed(self, token, caches):
        """What a causal network sees at the position after a token.

        Args:
            token: int32 `[batch]`.
            caches: List of the caches of all layers.

        Returns:
            Float `[batch, width]`, and the caches.
        """
        values = self.embed_token(token)
        if self.embed_ngrams is None:
            return values, caches
        vectors, recent = self.embed_ngrams.step(token, caches[-1])
        return values + vectors, [*caches[:-1], recent]

    def end_block(self, block, caches):
        """The caches after a block of positions."""
        kept = [layer.attention.end_block(block, cache) for layer, cache in zip(self.blocks, caches)]
        return [*kept, *caches[len(kept) :]]

    def initial_caches(self, batch_size):
        """Caches of no positions: a list of one for each layer, and of one for runs of tokens where these are embedded."""
        caches = [layer.attention.initial_cache(batch_size) for layer in self.blocks]
        return caches if self.embed_ngrams is None else [*caches, self.embed_ngrams.initial_recent(batch_size)]

    def _logits(self, values):
        return self.to_logits(tf.cast(self.normalize(values), tf.float32))

    def get_config(self):
        return {
            "name": self.name,
            "length": self.length,
            "vocabulary_size": self.vocabulary_size,
            "width": self.width,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "num_classes": self.num_classes,
            "causal": self.causal,
            "seed": self.seed,
            "ngram_sizes": list(self.ngram_sizes),
            "ngram_buckets": self.ngram_buckets,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
