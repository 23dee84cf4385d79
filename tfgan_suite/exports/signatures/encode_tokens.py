"""`encode_tokens`: examples to tokens."""

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import Tokenizes


class EncodeTokens(ExampleSignature):
    """Examples to `tokens`, int32 `[batch, *token_shape]`, which `decode_tokens` takes."""

    name = "encode_tokens"
    ability = Tokenizes
    takes_labels = False

    def outputs(self, examples, labels):
        return {"tokens": self.model.encode_tokens(examples)}
