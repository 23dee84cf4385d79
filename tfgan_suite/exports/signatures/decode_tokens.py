"""`decode_tokens`: tokens to examples."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_batch, require
from tfgan_suite.exports.signatures.named_function import named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.generative.abilities import Tokenizes


class DecodeTokens(Signature):
    """Tokens, int32 `[batch, *token_shape]`, to examples of the spec's `edge_dtype`."""

    name = "decode_tokens"

    @classmethod
    def applies(cls, model):
        return model.can(Tokenizes)

    def function(self, max_count):
        model = self.model
        shape = [None, *model.token_shape]

        def outputs_of(tokens):
            tokens = check_batch("tokens", tokens, shape, max_count)
            in_range = tf.reduce_all((tokens >= 0) & (tokens < model.num_tokens))
            tokens = require(in_range, f"tokens must be from 0 to {model.num_tokens - 1}.", tokens, tokens)
            return {model.spec.unit[1]: model.spec.to_edge(model.decode_tokens(tokens))}

        return named_function(outputs_of, {"tokens": tf.TensorSpec(shape, tf.int32)})

    def warmup_inputs(self, count):
        return {"tokens": np.zeros([count, *self.model.token_shape], np.int32)}

    def compare(self, exported, max_count):
        count = min(4, max_count)
        tokens = np.random.default_rng(0).integers(0, self.model.num_tokens, [count, *self.model.token_shape])
        tokens = tokens.astype(np.int32)
        made = self.model.spec.to_edge(self.model.decode_tokens(tokens)).numpy()
        return made, exported.call_signature(self.name, tokens=tokens)[self.model.spec.unit[1]]
