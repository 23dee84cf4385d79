"""Signature: one function that an exported model answers with."""

import numpy as np
import tensorflow as tf


class Signature:
    """Base of all signatures: whether a model has it, how it is computed, and what a server has to know of it.

    A subclass is listed in `all_signatures.py`. Its function checks every input inside the graph, because TensorFlow Serving
    runs nothing else: it does not even compare the shape of an input with the signature. A check that fails is
    `INVALID_ARGUMENT` over gRPC and HTTP 400 over REST.

    Args:
        model: A built `GenerativeModel` to which the signature applies.

    Attributes:
        name: String. The name by which clients ask for it.
        joining: String. How a server may join requests into one call: `"rows"`, along the first axis of every input;
            `"seeded"`, one seed, count and value of each sampling option for each request; or `"none"`.
    """

    name = None
    joining = "rows"

    def __init__(self, model):
        self.model = model

    @classmethod
    def applies(cls, model) -> bool:
        """Whether the model can answer it."""
        raise NotImplementedError

    def function(self, max_count: int) -> tf.types.experimental.PolymorphicFunction:
        """The function, from tensors with the names of its parameters to a dict of tensors.

        Args:
            max_count: Integer >= 1. The most examples in one request. It bounds the memory that a client can ask for.
        """
        raise NotImplementedError

    def warmup_inputs(self, count: int) -> dict[str, np.ndarray]:
        """Inputs of a request that a server plays before it takes traffic.

        They are rows, as many as examples come out: TensorFlow Serving takes these with batching as well, where a request
        with a single number is refused, and with it the version whose warm-up sends it.

        Args:
            count: Integer >= 1. The examples to ask for.
        """
        raise NotImplementedError

    def compare(self, exported, max_count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """What the model gives in Python, and what its export gives through this signature, as two arrays.

        Args:
            exported: The `ExportedModel`.
            max_count: Integer >= 1. The most examples in one request.

        Returns:
            Two arrays that are to be equal; `None` where another signature's comparison says enough.
        """
        return None
