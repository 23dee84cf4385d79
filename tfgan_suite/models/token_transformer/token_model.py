"""TokenModel: what the two transformers over tokens share."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.engine.update import Update
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Completes
from tfgan_suite.generative.masks import check_mask
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.generative.seeded_sampling import SEEDS, SeededSampling
from tfgan_suite.models.token_transformer.token_transformer_network import TokenTransformerNetwork
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config
from tfgan_suite.specs.token_spec import TokenSpec


class TokenModel(Completes, SeededSampling, TrainedModel):
    """Base of models of tokens with a `TokenTransformerNetwork`. A subclass implements `objective` and `draw`.

    Args:
        spec: A `TokenSpec`, or a dict of its arguments.
        width: Integer >= 1. Length of the vector of a position, a multiple of twice `num_heads`.
        num_blocks: Integer >= 1. Blocks of attention and dense layers.
        num_heads: Integer >= 1. Heads of the attention.
        num_classes: Integer, or `None` for an unconditional model.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.
        network: Dict of further arguments of the network.

    Raises:
        ValueError: A spec of another kind, or a width that does not fit the heads.
    """

    refuses_out_of_range = True
    drawn = "tokens"
    causal = True

    def __init__(
        self,
        spec=None,
        *,
        width=128,
        num_blocks=4,
        num_heads=4,
        num_classes=None,
        label_weights=None,
        seed=0,
        network=None,
        **kwargs,
    ):
        if isinstance(spec, dict):
            spec = spec_from_config({"kind": "token", **spec})
        spec = TokenSpec((256,)) if spec is None else spec
        if not isinstance(spec, TokenSpec):
            raise ValueError(f"`spec` must be a TokenSpec, or a dict of its arguments. Received: spec={spec!r}")
        super().__init__(spec, num_classes=num_classes, label_weights=label_weights, seed=seed, **kwargs)
        self.width = width
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        layers = TokenTransformerNetwork(
            self.num_tokens_of_example,
            spec.vocabulary_size,
            width,
            num_blocks,
            num_heads,
            num_classes,
            self.causal,
            seed,
            dtype=kwargs.get("dtype"),
            **(network or {}),
        )
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        tokens = keras.Input([self.num_tokens_of_example], dtype="int32")
        self.add_network("network", layers, (tokens, labels), averaged=True)
        self.built = True

    @property
    def num_tokens_of_example(self):
        """Integer. How many tokens one example has."""
        return math.prod(self.spec.shape)

    # === Training ===

    def takes_values(self, examples):
        examples = tf.cast(examples, tf.float32)
        return super().takes_values(examples) & tf.reduce_all(tf.equal(examples, tf.floor(examples)))

    def default_training(self):
        return {**super().default_training(), "optimizer": Adam(1e-3, beta_1=0.9, beta_2=0.95)}

    def updates(self):
        return [Update("network", self.network.trainable_variables, self.objective, logs=self.logged)]

    def flat_tokens(self, examples):
        """Examples as int32 `[batch, num_tokens_of_example]`."""
        # Not `to_edge`, which brings what a model makes into the range.
        tokens = tf.cast(tf.round(tf.cast(examples, tf.float32)), tf.int32)
        return tf.reshape(tokens, [-1, self.num_tokens_of_example])

    def logits_of(self, tokens, labels, training=False):
        """float32 `[batch, num_tokens_of_example, vocabulary_size]`, by the averaged network unless training."""
        network = self.network if training else self.ema_network
        inputs = [one for one in (tokens, labels) if one is not None]
        return tf.cast(network(*inputs, training=training), tf.float32)

    # === Completion ===

    def complete(self, tokens, mask, labels=None, seed=0, **sampling):
        """Fills in what is not given of sequences.

        Args:
            tokens: Integers or whole floats `[batch, *spec.shape]`. Those that are not given are of no effect.
            mask: Boolean `[batch, *spec.shape]`, or `spec.shape` for all alike. True where tokens are given.
            labels: Integers `[batch]` of a conditional model.
            seed: Integer. Example i depends on the seed and i.
            **sampling: The model's sampling options.

        Returns:
            NumPy array int32 `[batch, *spec.shape]`, equal to `tokens` where they are given.

        Raises:
            UserError: Tokens, mask, labels or options that do not fit.
        """
        tokens = np.asarray(tokens)
        shape = (len(tokens), *self.spec.shape)
        if tokens.shape != shape or tokens.dtype.kind not in "iuf":
            raise UserError(f"`tokens` must be integers of shape {shape}. Received: {tokens.dtype}, {tokens.shape}")
        mask = check_mask(mask, len(tokens), self.spec.positions)
        given = np.where(mask, tokens, 0)
        self.spec.check_whole(given)
        if given.min(initial=0) < 0 or given.max(initial=0) >= self.spec.vocabulary_size:
            raise UserError(
                f"`tokens` must be from 0 to {self.spec.vocabulary_size - 1} where they are given. Received: from "
                f"{given.min()} to {given.max()}"
            )
        labels = self._checked_labels(labels, len(tokens))
        if labels is None:
            labels = self.sample_labels(len(tokens), self.example_seeds(1, seed)[0])
        options = {name: [value] for name, value in resolve_sampling(self, sampling).items()}
        return self.fill_in(given, mask, tf.constant([seed], tf.int64), labels, **options).numpy()

    def fill_in(self, examples, mask, seed, labels=None, **sampling):
        given = tf.where(mask, tf.cast(examples, tf.int32), 0)
        seeds = self.seeds_of_requests(seed, tf.shape(given)[0])
        rows = [given, mask, *([] if labels is None else [labels])]
        return self._complete_function(seeds, self._option_tensors(sampling), *rows)

    @property
    def _complete_function(self):
        if "_function_of_completion" not in self.__dict__:

            def complete(seeds, sampling, given, mask, labels=None):
                return self.draw(seeds, labels, **sampling, given=given, mask=mask)

            options = {option.name: tf.TensorSpec([None], tf.float32) for option in self.sampling_options}
            shape = [None, *self.spec.shape]
            known = tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape, tf.bool)
            signature = [SEEDS, options, *known, *self._label_specs]
            function = tf.function(complete, input_signature=signature, autograph=False)
            # Beside Keras's attribute tracking: a function is no state.
            object.__setattr__(self, "_function_of_completion", function)
        return self.__dict__["_function_of_completion"]

    def get_config(self):
        return {
            "name": self.name,
            "spec": spec_to_config(self.spec),
            "width": self.width,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
