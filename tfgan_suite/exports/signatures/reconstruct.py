"""`reconstruct`: examples to what the model makes of them."""

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import Reconstructs


class Reconstruct(ExampleSignature):
    """Examples to examples of the same shape and `edge_dtype`, under the same name."""

    name = "reconstruct"
    ability = Reconstructs

    def outputs(self, examples, labels):
        spec = self.model.spec
        return {spec.unit[1]: spec.to_edge(self.model.reconstruct(examples, labels))}
