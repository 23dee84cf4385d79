"""GeneratorModule: what an export is made of."""

import tensorflow as tf

from tfgan_suite.exports.model_functions import model_functions


class GeneratorModule(tf.Module):
    """What `tf.saved_model.save` writes for a `GenerativeModel`: its functions, and the variables that they touch.

    The model itself is no attribute, so that neither optimizers nor networks without averaging are saved.

    Args:
        model: A built `GenerativeModel`.
        signatures: List of the model's `Signature`s.
        max_count: Integer >= 1. The most examples in one request. It bounds the memory that a client can ask for.
    """

    def __init__(self, model, signatures, max_count):
        super().__init__(name="generator_module")
        self._signature_names = tuple(signature.name for signature in signatures)
        functions = {signature.name: signature.function(max_count) for signature in signatures}
        functions |= model_functions(model)
        for name, function in functions.items():
            setattr(self, name, function)
        # Found in the graphs rather than asked of the model, so that it holds for any kind of model; in the order of use, which
        # neither where they lie in memory nor how many models the process made before decides.
        graphs = [function.get_concrete_function().graph for function in functions.values()]
        places = {}
        for captured in (tensor for graph in graphs for tensor in graph.external_captures):
            places.setdefault(id(captured), len(places))
        used = {id(variable): variable for graph in graphs for variable in graph.variables}
        self.used_variables = sorted(used.values(), key=lambda variable: places[id(variable.handle)])

    @property
    def signature_functions(self) -> dict:
        """`{name: function}`, for the argument `signatures` of `tf.saved_model.save`."""
        return {name: getattr(self, name) for name in self._signature_names}
