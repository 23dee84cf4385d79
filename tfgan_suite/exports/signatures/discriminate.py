"""`discriminate`: examples to logits."""

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import Discriminates


class Discriminate(ExampleSignature):
    """Examples to `logits`, float32 `[batch]`; higher is more real."""

    name = "discriminate"
    ability = Discriminates

    def outputs(self, examples, labels):
        return {"logits": self.model.discriminate(examples, labels, training=False)}
