"""`encode`: examples to latents."""

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import Encodes


class Encode(ExampleSignature):
    """Examples to `latents`, float32 `[batch, *latent_shape]`, which `serving_default` takes."""

    name = "encode"
    ability = Encodes

    def outputs(self, examples, labels):
        return {"latents": self.model.encode(examples, labels)}
