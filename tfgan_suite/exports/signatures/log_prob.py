"""`log_prob`: examples to likelihoods."""

import tensorflow as tf

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import HasLikelihood


class LogProb(ExampleSignature):
    """Examples to `log_prob`, the natural logarithm of their probability, or a lower bound of it, float32 `[batch]`."""

    name = "log_prob"
    ability = HasLikelihood

    def __init__(self, model):
        super().__init__(model)
        # A lower bound is estimated with noise that depends on an example's place in the batch.
        self.joining = "rows" if model.likelihood == "exact" else "none"

    def outputs(self, examples, labels):
        return {"log_prob": tf.cast(self.model.log_prob(examples, labels), tf.float32)}
