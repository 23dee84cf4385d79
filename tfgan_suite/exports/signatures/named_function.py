"""Functions whose inputs have names that are known at run time only, such as a model's sampling options."""

import inspect
from collections.abc import Callable, Mapping

import tensorflow as tf


def named_function(function: Callable, specs: Mapping[str, tf.TensorSpec]):
    """Makes a `tf.function` with one input for each of `specs`.

    Args:
        function: Function of keyword arguments with these names.
        specs: Mapping of name to `tf.TensorSpec`, in the order of the inputs.

    Returns:
        A `tf.function` that takes its inputs by position or by name.

    Example:

    >>> double = named_function(lambda number: 2 * number, {"number": tf.TensorSpec([], tf.int32)})
    >>> int(double(number=4))
    8
    """

    def call(*values):
        return function(**dict(zip(specs, values, strict=True)))

    # A SavedModel calls the inputs of a function as its parameters.
    call.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in specs]
    )
    return tf.function(call, input_signature=list(specs.values()), autograph=False)


def label_specs(model, shape) -> dict[str, tf.TensorSpec]:
    """The input `labels` of a model with classes; none for another, as TensorFlow Serving wants every input present.

    Args:
        model: A `GenerativeModel`.
        shape: List. The shape of the labels; `None` for any.
    """
    return {} if model.num_classes is None else {"labels": tf.TensorSpec(shape, tf.int32)}
