"""Peak memory of training, predicted from the traced step: `estimate_memory`."""

import math

import tensorflow as tf

from tfgan_suite.runs.tensor_lifetimes import count_operations, peak_bytes

# Measured with TensorFlow 2.21 on Linux, see docs/memory.md: what tracing, optimizing and running a graph takes for each
# operation and for any graph at all; and how much more memory the allocator needs than the tensors that are alive, since
# those of one step do not fit exactly in the gaps that others leave.
_BYTES_AN_OPERATION = 24_000
_BYTES_OF_ANY_GRAPH = 55_000_000
_GAPS = 0.35
_GAPS_BETWEEN_VARIABLES = 0.1


def estimate_memory(model, batch_size):
    """Predicts the peak of resident memory in training on a CPU, without taking a step.

    Traces the model's own step, with its penalties, microbatches, rematerialization and types, and follows which of its
    tensors are in memory at the same time.

    Args:
        model: A compiled `TrainedModel`.
        batch_size: Integer. Examples of one step.

    Returns:
        Dict of use to bytes. What the process takes before the model is made is not in it.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> gan.compile(microbatch_size=8)
    >>> sorted(estimate_memory(gan, batch_size=64))
    ['TensorFlow graphs', 'activations, gradients', 'allocator', 'averaged weights', 'optimizers', 'weights']
    """
    inside = tf.function(model.spec.to_model).get_concrete_function(
        tf.TensorSpec([batch_size, *model.spec.shape], model.spec.edge_dtype)
    )
    examples = tf.TensorSpec([batch_size, *model.spec.shape], inside.structured_outputs.dtype)
    data = examples if model.num_classes is None else (examples, tf.TensorSpec([batch_size], tf.int32))
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(data).graph
    memory_bytes = {
        "weights": _bytes_of(model.networks),
        "averaged weights": _bytes_of(model.averages),
        "optimizers": _bytes_of(model.optimizers),
    }
    state = sum(memory_bytes.values())
    activations = peak_bytes(graph)
    return {
        **memory_bytes,
        "activations, gradients": activations,
        "allocator": int(_GAPS * activations + _GAPS_BETWEEN_VARIABLES * state),
        "TensorFlow graphs": _BYTES_OF_ANY_GRAPH + _BYTES_AN_OPERATION * count_operations(graph),
    }


def _bytes_of(owners):
    """Of all variables of a mapping's networks or optimizers."""
    variables = [variable for owner in owners.values() for variable in owner.variables]
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables)
