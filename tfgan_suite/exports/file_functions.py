"""What a file for another engine computes: one function of a model, with named inputs and one output."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.signatures.checks import look_up, look_up_labels
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.randomness import fold, normal, uniform
from tfgan_suite.generative.abilities import (
    Encodes,
    GeneratesFromDraws,
    HasLatents,
    HasLikelihood,
    Reconstructs,
    require,
)


class FileFunction:
    """Base of all functions.

    Args:
        model: A built `GenerativeModel`.

    Attributes:
        name: String. The function's name in `export_network`.
        ability: The `Ability` that a model needs for it.
        output: String. The name of its output.
        survives_int8: Boolean. Whether it makes sense with activations of 8 bits.
        has_loops: Boolean. Whether it has loops, which converters take as such, and neither branches nor linear algebra.
    """

    name = None
    ability = None
    output = None
    survives_int8 = True
    has_loops = False

    def __init__(self, model):
        self.model = model

    def check(self):
        """Raises a `UserError` where the model has the ability, and a file cannot hold it all the same."""

    @property
    def inputs(self) -> dict:
        """`{name: (dtype, shape of one row)}`, in their order."""
        raise NotImplementedError

    @property
    def output_shape(self) -> tuple:
        """The shape of one row of the output, float32."""
        raise NotImplementedError

    def call(self, **inputs):
        """The output, of tensors by the names of the inputs. A label or level that does not exist is an error in every engine."""
        raise NotImplementedError

    def draw(self, count, seed, purpose) -> dict:
        """Inputs as the function is meant for, a dict of name to tensor with `count` rows.

        Args:
            count: Integer >= 1.
            seed: Integer.
            purpose: String. Other purposes give other draws.
        """
        raise NotImplementedError

    @property
    def bounds(self) -> tuple | None:
        """The range of the output's values that are ever seen; `None` if they have none."""
        return None

    def _with_labels(self, inputs):
        return inputs if self.model.num_classes is None else {**inputs, "labels": ("int32", ())}

    def _draw_labels(self, count, seed, purpose):
        labels = self.model.sample_labels(count, fold(tf.constant(seed, tf.int64), purpose, "labels"))
        return {} if labels is None else {"labels": labels}

    def _labels(self, labels):
        return None if labels is None else look_up_labels(labels, self.model.num_classes)


class GenerateFunction(FileFunction):
    """Latents, and labels where there are classes, to examples as they are inside of models."""

    name = "generate"
    ability = HasLatents

    @property
    def has_loops(self):
        return getattr(self.model, "makes_in_loops", False)  # Of an exported model that is not known.

    @property
    def inputs(self):
        return self._with_labels({"latents": ("float32", self.model.latent_shape)})

    @property
    def output(self):
        return self.model.spec.unit[1]

    @property
    def output_shape(self):
        return self.model.spec.shape

    def call(self, latents, labels=None):
        return self.model(latents, self._labels(labels), training=False)

    def draw(self, count, seed, purpose):
        drawn_by = fold(tf.constant(seed, tf.int64), purpose, "latents")
        return {"latents": self.model.sample_latents(count, drawn_by), **self._draw_labels(count, seed, purpose)}

    @property
    def bounds(self):
        """Where the edge has a range, as 8 bits do: values beyond are never seen."""
        spec = self.model.spec
        dtype = np.dtype(spec.edge_dtype)
        if dtype.kind not in "iu" or dtype.itemsize > 2:
            return None
        limits = tf.constant([np.iinfo(dtype).min, np.iinfo(dtype).max], tf.as_dtype(dtype))
        return tuple(np.asarray(spec.to_model(limits), np.float64))


class GenerateFromDrawsFunction(FileFunction):
    """Uniform draws, a temperature for each example, and labels where there are classes, to examples as inside of models."""

    name = "generate"
    ability = GeneratesFromDraws
    survives_int8, has_loops = False, True
    output, output_shape, bounds = GenerateFunction.output, GenerateFunction.output_shape, GenerateFunction.bounds

    @property
    def inputs(self):
        return self._with_labels({"draws": ("float32", self.model.draws_shape), "temperature": ("float32", ())})

    def call(self, draws, temperature, labels=None):
        return self.model.generate_from(draws, self._labels(labels), temperature=temperature)

    def draw(self, count, seed, purpose):
        draws = uniform([count, *self.model.draws_shape], fold(tf.constant(seed, tf.int64), purpose, "draws"))
        return {"draws": draws, "temperature": tf.ones([count]), **self._draw_labels(count, seed, purpose)}


class _ExampleFunction(FileFunction):
    """Base of functions of examples of the spec's `edge_dtype`, and labels where there are classes."""

    @property
    def inputs(self):
        spec = self.model.spec
        return self._with_labels({spec.unit[1]: (np.dtype(spec.edge_dtype).name, spec.shape)})

    def call(self, labels=None, **inputs):
        spec = self.model.spec
        examples, levels = inputs.pop(spec.unit[1]), getattr(spec, "levels", 256)
        if levels < 256:
            name = f"{spec.unit[1]}_must_be_from_0_to_{levels - 1}"
            examples = tf.cast(look_up(tf.cast(examples, tf.int32), levels, name), tf.as_dtype(spec.edge_dtype))
        return self.of_examples(spec.to_model(examples), self._labels(labels), **inputs)

    def of_examples(self, examples, labels, **inputs):
        """The output, of examples as they are inside of models."""
        raise NotImplementedError

    def draw(self, count, seed, purpose):
        labels = self._draw_labels(count, seed, purpose)
        examples = self.model.generate(count, *[one.numpy() for one in labels.values()], seed=seed)
        return {self.model.spec.unit[1]: tf.constant(examples), **labels}


class EncodeFunction(_ExampleFunction):
    """Examples to latents."""

    name = "encode"
    ability = Encodes
    output = "latents"

    @property
    def output_shape(self):
        return self.model.latent_shape

    def of_examples(self, examples, labels):
        return self.model.encode(examples, labels)


class ReconstructFunction(_ExampleFunction):
    """Examples to examples as they are inside of models."""

    name = "reconstruct"
    ability = Reconstructs
    # As of generated ones.
    output_shape, bounds = GenerateFunction.output_shape, GenerateFunction.bounds

    @property
    def output(self):
        return f"reconstructed_{self.model.spec.unit[1]}"  # ONNX gives an input and an output one name only.

    def of_examples(self, examples, labels):
        return self.model.reconstruct(examples, labels)


class LogProbFunction(_ExampleFunction):
    """Examples, and the standard normal draws of a lower bound, to the natural logarithm of their probability."""

    name = "log_prob"
    ability = HasLikelihood
    output = "log_prob"
    output_shape = ()
    survives_int8 = False

    def check(self):
        if isinstance(self.model, ExportedModel):
            raise UserError(
                "A file of `log_prob` is made of the model itself, since the graphs of an export draw in ways that other engines "
                "cannot: pass the run or the .keras file that it was exported from."
            )
        if self.model.likelihood != "exact" and self.model.noise_shape is None:
            raise UserError(
                f"A file of `log_prob` cannot draw: it takes the draws of a lower bound as an input. {type(self.model).__name__} "
                "states no `noise_shape`, so that it cannot be given any."
            )

    @property
    def inputs(self):
        inputs = super().inputs
        labels = {name: inputs.pop(name) for name in list(inputs) if name == "labels"}
        shape = self.model.noise_shape
        return {**inputs, **({} if shape is None else {"noise": ("float32", shape)}), **labels}

    def of_examples(self, examples, labels, noise=None):
        return tf.cast(self.model.log_prob_given(examples, labels, noise), tf.float32)

    def draw(self, count, seed, purpose):
        inputs, shape = super().draw(count, seed, purpose), self.model.noise_shape
        if shape is None:
            return inputs
        return {**inputs, "noise": normal([count, *shape], fold(tf.constant(seed, tf.int64), purpose, "noise"))}


_FUNCTIONS = (GenerateFunction, GenerateFromDrawsFunction, EncodeFunction, ReconstructFunction, LogProbFunction)
FILE_FUNCTIONS = tuple(dict.fromkeys(function.name for function in _FUNCTIONS))


def file_function(model, name, format) -> FileFunction:
    """The function of a model that a file is to hold.

    Args:
        model: A built `GenerativeModel`.
        name: String, one of `FILE_FUNCTIONS`.
        format: String. The format of the file, for errors.

    Raises:
        UserError: The model cannot do that, or files cannot hold it.
    """
    kinds = [function for function in _FUNCTIONS if function.name == name]
    kind = next((one for one in kinds if model.can(one.ability)), kinds[0])
    others = [function.name for function in _FUNCTIONS if model.can(function.ability)]
    if not model.can(kind.ability) and others:
        without_latents = "; what it draws without latents is in a SavedModel only" if name == "generate" else ""
        raise UserError(
            f"A file of `{name}` needs a model that can {kind.ability.verb}. Of {type(model).__name__} a file can hold "
            f"{', '.join(f'`{one}`' for one in others)}{without_latents}. Received: function={name!r}, format={format!r}"
        )
    require(model, kind.ability, f"A file in the format {format}")
    function = kind(model)
    function.check()
    if format.endswith("int8") and not function.survives_int8:
        raise UserError(
            f"`format` of a file of `{name}` must keep its digits, which 8 bits do not: choose litert, litert-float16 or onnx. "
            f"Received: format={format!r}"
        )
    return function
